"""A dump carries configuration and history, whichever kind of installation it was made from."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cluster import Server
from tests.support.database import Database, install_as
from tests.support.incident import columns, dumped, go_on_with_the_incident, live_through_an_incident, recorded, restore

pytestmark = pytest.mark.pg_dump

NEXT_ALERT = "SELECT nextval(pg_get_serial_sequence('ghostwatch.alert', 'alert_id'))"
OWNERS = """
    SELECT DISTINCT o.owner::regrole::text
    FROM (
        SELECT n.nspowner FROM pg_namespace AS n WHERE n.nspname IN ('ghostwatch', 'onboarding')
        UNION ALL
        SELECT c.relowner FROM pg_class AS c WHERE c.relnamespace::regnamespace::text IN ('ghostwatch', 'onboarding')
        UNION ALL
        SELECT p.proowner FROM pg_proc AS p WHERE p.pronamespace::regnamespace::text IN ('ghostwatch', 'onboarding')
        UNION ALL
        SELECT t.typowner FROM pg_type AS t WHERE t.typnamespace::regnamespace::text IN ('ghostwatch', 'onboarding')
    ) AS o (owner)
"""


@pytest.mark.both_kinds
def test_dump_and_restore_keep_every_row(database: Database, empty_database: Database, tmp_path: Path) -> None:
    """Every table of the restored database has the rows of the first, and identities go on counting."""
    live_through_an_incident(database)
    known = dumped(columns(database))
    restore(database, empty_database, tmp_path)
    assert dumped(columns(empty_database)) == known
    after = recorded(empty_database, known)
    assert after == recorded(database, known)
    for name in ("contract", "invariant", "violation", "alert", "notification", "changed_setting"):
        assert after["ghostwatch", name], name
    assert empty_database.value("SELECT kind FROM ghostwatch.installation") == database.kind
    assert empty_database.value(NEXT_ALERT) == database.value(NEXT_ALERT)


@pytest.mark.both_kinds
def test_checks_go_on_after_a_restore(database: Database, empty_database: Database, tmp_path: Path) -> None:
    """The restored database goes on with the same incident instead of opening another."""
    live_through_an_incident(database)
    restore(database, empty_database, tmp_path)
    go_on_with_the_incident(empty_database)


@pytest.fixture
def owned(server: Server, kind: str) -> Iterator[Database]:
    """An installation of a role without other rights, in a database of its own."""
    owner = f"owner_{os.getpid()}"
    server.execute(f"CREATE ROLE {owner} LOGIN")
    name = f"owned_{os.getpid()}"
    server.create_database(name, owner=owner)
    database = Database(server, name, kind)
    install_as(database.connect(owner), kind)
    yield database
    database.connection.close()
    server.drop_database(name)
    server.execute(f"DROP OWNED BY {owner}")
    server.execute(f"DROP ROLE {owner}")


@pytest.mark.both_kinds
def test_a_superuser_restores_what_a_role_owned(
    owned: Database, server: Server, empty_database: Database, tmp_path: Path
) -> None:
    """It is that role's again, where the role created the extension before; a dump names no owner of one."""
    live_through_an_incident(owned)
    known = dumped(columns(owned))
    ((owner,),) = owned.rows(OWNERS)
    restored = Database(server, f"restored_{os.getpid()}", owned.kind)
    server.create_database(restored.name, owner=owner)
    try:
        restored.connect(owner)
        if owned.kind == "extension":
            install_as(restored.connection, owned.kind)
        restore(owned, restored, tmp_path)
        assert restored.rows(OWNERS) == [(owner,)]
        assert recorded(restored, known) == recorded(owned, known)
        go_on_with_the_incident(restored)
    finally:
        restored.connection.close()
        server.drop_database(restored.name)


def test_a_superuser_restores_an_extension_of_its_own(
    owned: Database, empty_database: Database, tmp_path: Path
) -> None:
    """A dump names no owner of an extension. The doctor says that the owner of the contracts lacks rights then."""
    live_through_an_incident(owned)
    ((owner,),) = owned.rows(OWNERS)
    restore(owned, empty_database, tmp_path)
    assert empty_database.rows(OWNERS) == [("postgres",)]
    found = empty_database.rows("SELECT finding FROM ghostwatch.doctor() WHERE verdict = 'error'")
    assert (f"Role {owner} owns contracts and has no privileges on ghostwatch: nothing checks them.",) in found
