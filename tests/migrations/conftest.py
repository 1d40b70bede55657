"""A server that has the extension files of an earlier version and of the present one, and installations of both."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from scripts.build import version
from tests.migrations.earlier import EARLIER, make_trees
from tests.support.cluster import Cluster
from tests.support.database import PARTS, Database, install

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Migrations:
    """The earlier version and the present one, on one server."""

    server: Cluster
    earlier: Path
    present: Path

    def empty(self) -> AbstractContextManager[Database]:
        """A database with nothing installed."""
        return Database.create(self.server, f"migrated_{os.getpid()}_{next(_numbers)}", "template1", "none")

    def install_earlier(self, database: Database, kind: str) -> None:
        """Installs both parts in the earlier version."""
        if kind == "plain":
            install(self.server, database.name, kind, self.earlier / "dist")
        else:
            for part in PARTS:
                self.server.execute(f"CREATE EXTENSION {part} VERSION '{EARLIER}'", database.name)

    def install_present(self, database: Database, kind: str) -> None:
        """Installs both parts in the present version."""
        install(self.server, database.name, kind, self.present / "dist")

    def upgrade(self, database: Database, kind: str, *parts: str, undo: bool = False) -> None:
        """Upgrades the parts one after the other, or goes back, as a DBA does; raises what the server says."""
        before, after = (version(), EARLIER) if undo else (EARLIER, version())
        for part in parts or (PARTS[::-1] if undo else PARTS):
            if kind == "extension":
                database.connection.execute(f"ALTER EXTENSION {part} UPDATE TO '{after}'".encode())
            else:
                database.connection.execute((self.present / "dist" / f"{part}_{before}_to_{after}.sql").read_bytes())


@pytest.fixture(scope="session")
def migrations(built: None) -> Iterator[Migrations]:
    """The trees of both versions, and a server."""
    # pytest's own temporary directories are closed to the server's account.
    with TemporaryDirectory(prefix="ghostwatch-") as name:
        earlier, present = make_trees(Path(name))
        with Cluster(dist=present / "dist") as server:
            yield Migrations(server, earlier, present)


@pytest.fixture
def earlier(migrations: Migrations, kind: str) -> Iterator[Database]:
    """A database with the earlier version of both parts."""
    with migrations.empty() as database:
        migrations.install_earlier(database, kind)
        database.kind = kind
        yield database


@pytest.fixture
def fresh(migrations: Migrations, kind: str) -> Iterator[Database]:
    """A database with the present version of both parts."""
    with migrations.empty() as database:
        migrations.install_present(database, kind)
        database.kind = kind
        yield database
