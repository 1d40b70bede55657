"""A server that has the extension files of an earlier version and of the present one, and installations of both."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cluster import Cluster
from tests.support.database import Database
from tests.support.earlier import Migrations

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def migrations(trees: tuple[Path, Path]) -> Iterator[Migrations]:
    """The trees of both versions, and a server."""
    with Cluster(dist=trees[1] / "dist") as server:
        yield Migrations(server, *trees)


@pytest.fixture
def empty(migrations: Migrations) -> Iterator[Database]:
    """A database on that server with nothing installed."""
    name = f"migrated_{os.getpid()}_{next(_numbers)}"
    with Database.create(migrations.server, name, "template1", "none") as database:
        yield database


@pytest.fixture
def earlier(migrations: Migrations, kind: str) -> Iterator[Database]:
    """A database with the earlier version of both parts."""
    name = f"earlier_{os.getpid()}_{next(_numbers)}"
    with Database.create(migrations.server, name, "template1", kind) as database:
        migrations.install_earlier(name, kind)
        yield database


@pytest.fixture
def fresh(migrations: Migrations, kind: str) -> Iterator[Database]:
    """A database with the present version of both parts."""
    name = f"fresh_{os.getpid()}_{next(_numbers)}"
    with Database.create(migrations.server, name, "template1", kind) as database:
        migrations.install_present(name, kind)
        yield database
