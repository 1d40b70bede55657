"""Servers that have the files of a version before and of the present one, and installations of both.

There are two kinds of versions before: those that were released (release, released), and one that is made up so that
every difference occurs that there can be (migrations, earlier).
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cluster import Cluster, Server
from tests.support.database import Database
from tests.support.earlier import RELEASED, Migrations

_numbers = itertools.count(1)


@pytest.fixture(params=RELEASED)
def release(server: Server, request: pytest.FixtureRequest) -> Migrations:
    """The way from each released version."""
    return Migrations.released(server, request.param)


@pytest.fixture
def released(release: Migrations, kind: str) -> Iterator[Database]:
    """A database with a released version of both parts."""
    name = f"released_{os.getpid()}_{next(_numbers)}"
    with Database.create(release.server, name, "template1", kind) as database:
        release.install_before(name, kind)
        yield database


@pytest.fixture(scope="session")
def migrations(trees: tuple[Path, Path]) -> Iterator[Migrations]:
    """The way from the version that is made up, on a server of its own."""
    with Cluster(dist=trees[1] / "dist") as server:
        yield Migrations.made_up(server, *trees)


@pytest.fixture
def empty(migrations: Migrations) -> Iterator[Database]:
    """A database on that server with nothing installed."""
    name = f"migrated_{os.getpid()}_{next(_numbers)}"
    with Database.create(migrations.server, name, "template1", "none") as database:
        yield database


@pytest.fixture
def earlier(migrations: Migrations, kind: str) -> Iterator[Database]:
    """A database with the version that is made up, of both parts."""
    name = f"earlier_{os.getpid()}_{next(_numbers)}"
    with Database.create(migrations.server, name, "template1", kind) as database:
        migrations.install_before(name, kind)
        yield database


@pytest.fixture
def fresh(migrations: Migrations, kind: str) -> Iterator[Database]:
    """A database with the present version of both parts."""
    name = f"fresh_{os.getpid()}_{next(_numbers)}"
    with Database.create(migrations.server, name, "template1", kind) as database:
        migrations.install_present(name, kind)
        yield database
