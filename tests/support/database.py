"""Databases for tests: made from templates in milliseconds, with a clock that stands still on request."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from scripts.build import DIST
from tests.support.cluster import Server

KINDS = ("extension", "plain")
PARTS = ("ghostwatch", "ghostwatch_onboarding")


@dataclass
class Database:
    """A database of its own for one test."""

    server: Server
    name: str
    kind: str
    _connections: list[psycopg.Connection[Any]] = field(default_factory=list)

    @classmethod
    @contextmanager
    def create(cls, server: Server, name: str, template: str, kind: str) -> Iterator[Database]:
        """Makes the database from a template, and drops it with everyone connected afterwards."""
        server.create_database(name, template)
        database = cls(server, name, kind)
        try:
            yield database
        finally:
            for connection in database._connections:
                connection.close()
            server.drop_database(name)

    @property
    def dsn(self) -> str:
        """The connection string, as superuser."""
        return self.server.dsn(self.name)

    def connect(self, user: str | None = None, *, autocommit: bool = True) -> psycopg.Connection[Any]:
        """A connection of its own, closed with the database."""
        connection = psycopg.connect(self.server.dsn(self.name, user), autocommit=autocommit)
        self._connections.append(connection)
        return connection

    @property
    def connection(self) -> psycopg.Connection[Any]:
        """The connection that execute, rows and value use."""
        return self._connections[0] if self._connections else self.connect()

    def execute(self, statement: LiteralString, *values: Any) -> None:
        """Runs a statement."""
        self.connection.execute(statement, values or None)

    def rows(self, query: LiteralString, *values: Any) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        return self.connection.execute(query, values or None).fetchall()

    def value(self, query: LiteralString, *values: Any) -> Any:
        """The only column of the only row of a query."""
        (row,) = self.rows(query, *values)
        (value,) = row
        return value

    def set_clock(self, now: datetime | str) -> None:
        """Stops ghostwatch's clock at a moment, for every session there is and every later one."""
        enable_test_clock(self.server, self.name)
        self._set_clock_of_later_sessions(str(now))
        for connection in self._connections:
            connection.execute("SELECT set_config('ghostwatch.clock', %s, false)", [str(now)])

    def _set_clock_of_later_sessions(self, now: str) -> None:
        self.server.execute(
            sql.SQL("ALTER DATABASE {} SET ghostwatch.clock = {}").format(sql.Identifier(self.name), sql.Literal(now))
        )


def enable_test_clock(server: Server, database: str) -> None:
    """Lets the sessions of a database set the time, once."""
    server.execute("SELECT ghostwatch.enable_test_clock() WHERE NOT ghostwatch._test_clock_is_enabled()", database)


def install(server: Server, database: str, kind: str, dist: Path = DIST, number: str | None = None) -> None:
    """Installs both parts as superuser, as one kind or the other.

    dist: where the plain scripts lie. number: the version of the extension, where it is not the present one.
    """
    for part in PARTS:
        if kind == "extension":
            server.execute(f"CREATE EXTENSION {part}" + (f" VERSION '{number}'" if number else ""), database)
        else:
            finished = server.psql_file(dist / f"{part}.sql", database)
            assert finished.returncode == 0, finished.stderr


def install_as(connection: psycopg.Connection[Any], kind: str, dist: Path = DIST, number: str | None = None) -> None:
    """Installs both parts as the role of the connection, which owns them then."""
    for part in PARTS:
        if kind == "extension":
            connection.execute((f"CREATE EXTENSION {part}" + (f" VERSION '{number}'" if number else "")).encode())
        else:
            connection.execute((dist / f"{part}.sql").read_bytes())


@contextmanager
def make_templates(server: Server, install: Callable[[Server, str, str], None] = install) -> Iterator[dict[str, str]]:
    """Installs each kind once; tests clone the result."""
    names = {kind: f"template_{os.getpid()}_{kind}" for kind in KINDS}
    for kind, name in names.items():
        server.drop_database(name)
        server.create_database(name)
        install(server, name, kind)
    yield names
    for name in names.values():
        server.drop_database(name)
