"""A plain installation becomes the extension in place, and is what CREATE EXTENSION would have made."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from scripts.build import DIST, version
from tests.install.inventory import inventory
from tests.migrations.test_command import migrate
from tests.support.cluster import Server
from tests.support.database import PARTS, Database, install_as
from tests.support.earlier import EARLIER, Migrations
from tests.support.incident import live_through_an_incident

pytestmark = pytest.mark.machine

INITIAL_PRIVILEGES = """
    SELECT pg_describe_object(p.classoid, p.objoid, p.objsubid),
        (SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(p.initprivs) AS a)
    FROM pg_init_privs AS p
    WHERE p.privtype = 'e' AND p.objoid >= 16384
    ORDER BY 1
"""


@pytest.fixture
def owner(server: Server) -> Iterator[str]:
    """A role that may create in a database and has no other right."""
    name = f"owner_{os.getpid()}"
    server.execute(f"CREATE ROLE {name} LOGIN")
    yield name
    server.execute(f"DROP ROLE {name}")


def make(server: Server, owner: str, kind: str) -> Database:
    """A database of that owner with both parts."""
    name = f"converted_{os.getpid()}_{kind}"
    server.create_database(name, owner=owner)
    database = Database(server, name, kind)
    install_as(database.connect(owner), kind)
    return database


@pytest.fixture
def plain(server: Server, owner: str) -> Iterator[Database]:
    """A plain installation."""
    database = make(server, owner, "plain")
    yield database
    database.connection.close()
    server.drop_database(database.name)


@pytest.fixture
def extension(server: Server, owner: str) -> Iterator[Database]:
    """The same as extension."""
    database = make(server, owner, "extension")
    yield database
    database.connection.close()
    server.drop_database(database.name)


@pytest.fixture
def sidecar(server: Server, plain: Database) -> Iterator[str]:
    """A sidecar's role with its rights in the plain installation."""
    name = f"sidecar_{os.getpid()}"
    server.execute(f"CREATE ROLE {name} LOGIN")
    plain.execute("SELECT ghostwatch.grant_sidecar(%s)", name)
    yield name
    with server.connect(plain.name) as connection:
        connection.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(name)))
    server.execute(f"DROP ROLE {name}")


def convert(database: Database) -> None:
    """Runs both scripts as a DBA does."""
    for part in PARTS:
        database.connection.execute((DIST / f"{part}_to_extension.sql").read_bytes())


def test_it_is_what_create_extension_makes(plain: Database, extension: Database) -> None:
    """Object by object: members, what a dump carries, and the privileges that a dump takes for the extension's own."""
    convert(plain)
    converted, created = inventory(plain.connection), inventory(extension.connection)
    for what, found in created.items():
        assert set(converted[what]) ^ set(found) == set(), what
    assert plain.rows(INITIAL_PRIVILEGES) == extension.rows(INITIAL_PRIVILEGES)
    query = "SELECT extname, extversion FROM pg_extension WHERE extname LIKE 'ghostwatch%%' ORDER BY 1"
    assert plain.rows(query) == extension.rows(query)
    for schema in ("ghostwatch", "onboarding"):
        row = plain.connection.execute(f"SELECT version, kind FROM {schema}.installation".encode()).fetchone()
        assert row == (version(), "extension")


@pytest.mark.pg_dump
def test_what_was_recorded_and_granted_stays(
    plain: Database, sidecar: str, empty_database: Database, tmp_path: Path
) -> None:
    """An open incident, the rights of the sidecar and of others; also through a dump of the extension."""
    live_through_an_incident(plain)
    plain.execute("GRANT USAGE ON SCHEMA ghostwatch TO PUBLIC")
    plain.execute("GRANT SELECT ON ghostwatch.status TO PUBLIC")
    rights, alerts = rights_of(plain, sidecar), plain.rows("SELECT a::text FROM ghostwatch.alert AS a")
    assert rights and alerts

    convert(plain)
    assert rights_of(plain, sidecar) == rights
    assert plain.rows("SELECT a::text FROM ghostwatch.alert AS a") == alerts

    dump = tmp_path / "dump.sql"
    dump.write_text(plain.server.dump(plain.name), encoding="utf-8")
    assert "CREATE EXTENSION IF NOT EXISTS ghostwatch_onboarding" in dump.read_text()
    assert empty_database.server.psql_file(dump, empty_database.name).stderr == ""
    assert rights_of(empty_database, sidecar) == rights
    assert empty_database.rows("SELECT a::text FROM ghostwatch.alert AS a") == alerts
    empty_database.execute("CALL ghostwatch.run_checks()")


def rights_of(database: Database, role: str) -> list[tuple[Any, ...]]:
    """What a role, or everyone, may use in ghostwatch."""
    return database.rows(
        """
        SELECT p.oid::regprocedure::text, a.grantee::regrole::text
        FROM pg_proc AS p
        CROSS JOIN LATERAL aclexplode(p.proacl) AS a
        WHERE p.pronamespace = 'ghostwatch'::regnamespace AND a.grantee = %s::regrole
        UNION ALL
        SELECT c.oid::regclass::text, a.grantee::regrole::text
        FROM pg_class AS c
        CROSS JOIN LATERAL aclexplode(c.relacl) AS a
        WHERE c.relnamespace = 'ghostwatch'::regnamespace AND a.grantee IN (%s::regrole, 0)
        ORDER BY 1, 2
        """,
        role,
        role,
    )


def test_it_is_refused_twice_and_after_failing_leaves_the_plain_kind(plain: Database) -> None:
    """The error says what there is; nothing is half an extension."""
    plain.execute("UPDATE ghostwatch.installation SET version = '0.0.9'")
    with pytest.raises(psycopg.Error) as refused:
        convert(plain)
    assert (refused.value.sqlstate, refused.value.diag.message_hint) == (
        "GW906",
        "Upgrade it first: ghostwatch migrate",
    )
    assert plain.rows("SELECT FROM pg_extension WHERE extname LIKE 'ghostwatch%%'") == []
    plain.execute("UPDATE ghostwatch.installation SET version = %s", version())
    convert(plain)
    with pytest.raises(psycopg.Error) as refused:
        convert(plain)
    assert (refused.value.sqlstate, refused.value.diag.message_hint) == ("GW906", "It is an extension already.")


def test_create_extension_says_how(plain: Database) -> None:
    """Over a plain installation it is refused, with the command that makes it an extension."""
    with pytest.raises(psycopg.Error) as refused:
        plain.execute("CREATE EXTENSION ghostwatch")
    assert refused.value.sqlstate == "GW901"
    assert "ghostwatch migrate --to-extension" in str(refused.value.diag.message_hint)


def test_the_command_upgrades_before(empty: Database, migrations: Migrations) -> None:
    """In one transaction; and a second time there is nothing to do."""
    migrations.install_before(empty.name, "plain")
    code, said, errors = migrate(migrations.present, empty, "--to-extension")
    assert (code, errors) == (0, "")
    assert said.splitlines() == [
        *(f"{part}: {EARLIER} to {version()}" for part in PARTS),
        *(f"{part}: {version()} as plain SQL to {version()} as extension" for part in PARTS),
    ]
    assert empty.value("SELECT kind FROM ghostwatch.installation") == "extension"
    assert migrate(migrations.present, empty, "--to-extension") == (0, "nothing to do\n", "")
