"""Class: installing looks at catalogs alone, and runs nobody's code."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql

from scripts.build import DIST
from tests.security.conftest import refused
from tests.support.database import Database

COMMAND = Path(sys.executable).with_name("ghostwatch")

# Whoever reads or fills any of these as superuser runs the trap with the rights of that superuser.
SETUPS: dict[str, LiteralString] = {
    "a view": "CREATE VIEW ghostwatch.installation AS SELECT public.trap()::text AS kind, 'x'::text AS version",
    "a table with an evil default": """
        CREATE TABLE ghostwatch.installation (
            only_row boolean DEFAULT true, version text, kind text,
            installed_at timestamptz DEFAULT public.trap()::timestamptz, installed_by name
        )
    """,
    "a table with a policy": """
        CREATE TABLE ghostwatch.installation (kind text, version text);
        INSERT INTO ghostwatch.installation VALUES ('plain', 'x');
        ALTER TABLE ghostwatch.installation ENABLE ROW LEVEL SECURITY;
        ALTER TABLE ghostwatch.installation FORCE ROW LEVEL SECURITY;
        CREATE POLICY evil ON ghostwatch.installation USING (public.trap() IS NOT NULL)
    """,
}


def plain(part: str) -> bytes:
    """The plain script."""
    return (DIST / f"{part}.sql").read_bytes()


@pytest.fixture
def hostile(empty_database: Database, make_role: Callable[[], str], request: pytest.FixtureRequest) -> str:
    """The role that has made a schema ghostwatch of its own, with a trap."""
    role = make_role()
    empty_database.connection.execute(
        sql.SQL("GRANT CREATE ON DATABASE {} TO {}; GRANT CREATE ON SCHEMA public TO {}").format(
            sql.Identifier(empty_database.name), sql.Identifier(role), sql.Identifier(role)
        )
    )
    owner = empty_database.connect(role)
    owner.execute(
        "CREATE FUNCTION public.trap() RETURNS text LANGUAGE plpgsql "
        "AS $$ BEGIN RAISE EXCEPTION 'trap run by %', current_user USING ERRCODE = 'TRAP0'; END $$"
    )
    owner.execute("CREATE SCHEMA ghostwatch")
    owner.execute(SETUPS[request.param])
    return role


@pytest.mark.attack(
    "a hostile view or table `ghostwatch.installation`, before ghostwatch is installed by any of four ways",
    role="a role with CREATE on the database",
    result="refused unread; the owner is named",
)
@pytest.mark.parametrize("hostile", list(SETUPS), indirect=True)
@pytest.mark.parametrize("way", ["extension", "plain", "onboarding", "command"])
def test_a_hostile_schema_is_refused_unread(empty_database: Database, hostile: str, way: str) -> None:
    if way == "command":
        finished = subprocess.run(
            [COMMAND, "install", "--onboarding", "--dsn", empty_database.dsn],
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode != 0
        assert "trap run by" not in finished.stderr
        assert hostile in finished.stderr
        return

    statement = {
        "extension": b"CREATE EXTENSION ghostwatch",
        "plain": plain("ghostwatch"),
        "onboarding": plain("ghostwatch_onboarding"),
    }[way]
    with pytest.raises(psycopg.Error) as caught:
        empty_database.connect().execute(statement)
    assert caught.value.sqlstate in {"GW901", "GW902"}
    assert hostile in f"{caught.value} {caught.value.diag.message_detail}"


@pytest.mark.attack(
    "a schema `ghostwatch` before onboarding is installed",
    role="a role with CREATE on the database",
    result="refused (GW902)",
)
@pytest.mark.parametrize("hostile", ["a table with an evil default"], indirect=True)
def test_no_default_of_a_stranger_is_copied(empty_database: Database, hostile: str) -> None:
    said = refused("GW902", lambda: empty_database.connect().execute(plain("ghostwatch_onboarding")))
    assert said.diag.message_hint == f'Install both with one role: SET ROLE "{hostile}";'
