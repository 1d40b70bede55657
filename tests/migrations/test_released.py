"""Every released version is upgraded to the present one, and undone, as those who have it will do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from psycopg import Connection

from ghostwatch.migrate import Change, due
from scripts.build import ROOT, released_versions, version
from tests.install.inventory import inventory
from tests.support.cluster import Server
from tests.support.database import PARTS, Database, install

pytestmark = [pytest.mark.both_kinds, pytest.mark.machine]

RELEASED = [number for number in released_versions() if number != version()]


@pytest.fixture(params=RELEASED)
def released(server: Server, kind: str, request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database with a version as it was released."""
    number = request.param
    with Database.create(server, f"released_{os.getpid()}_{kind}", "template1", kind) as database:
        if kind == "plain":
            install(server, database.name, kind, ROOT / "migrations" / "released" / number)
        else:
            for part in PARTS:
                database.connection.execute(f"CREATE EXTENSION {part} VERSION '{number}'".encode())
        yield database


def migrate(connection: Connection[Any], to: str) -> list[Change]:
    """Changes the version by whatever is due."""
    changes = due(connection, onboarding=True, to=to)
    for change in changes:
        connection.execute(change.statement.encode())
    return changes


def test_it_becomes_what_a_fresh_installation_is(released: Database, database: Database) -> None:
    """And goes back to what it was, where every step can be undone."""
    before = inventory(released.connection)
    number = released.value("SELECT version FROM ghostwatch.installation")
    assert migrate(released.connection, version())
    upgraded, fresh = inventory(released.connection), inventory(database.connection)
    for what, found in fresh.items():
        assert set(upgraded[what]) ^ set(found) == set(), what

    migrate(released.connection, number)
    undone = inventory(released.connection)
    for what, found in before.items():
        assert set(undone[what]) ^ set(found) == set(), what
