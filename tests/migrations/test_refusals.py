"""An upgrade refuses what it is not made for, and says what to do instead."""

from __future__ import annotations

import psycopg
import pytest

from scripts.build import version
from tests.support.database import Database
from tests.support.earlier import EARLIER, Migrations

pytestmark = pytest.mark.machine


def plain(migrations: Migrations, before: str, after: str, part: str = "ghostwatch") -> bytes:
    """The script that changes one version into the other."""
    return (migrations.present / "dist" / f"{part}_{before}_to_{after}.sql").read_bytes()


def refused(database: Database, script: bytes) -> psycopg.errors.Diagnostic:
    """What the server says, having changed nothing."""
    before = database.rows("SELECT oid, proname FROM pg_proc WHERE pronamespace::regnamespace::text = 'ghostwatch'")
    with pytest.raises(psycopg.Error) as error:
        database.connection.execute(script)
    after = database.rows("SELECT oid, proname FROM pg_proc WHERE pronamespace::regnamespace::text = 'ghostwatch'")
    assert after == before
    return error.value.diag


def test_nothing_is_installed(empty: Database, migrations: Migrations) -> None:
    said = refused(empty, plain(migrations, EARLIER, version()))
    assert said.sqlstate == "GW903"
    empty.execute("CREATE SCHEMA ghostwatch; CREATE VIEW ghostwatch.installation AS SELECT 1 / 0 AS version")
    assert refused(empty, plain(migrations, EARLIER, version())).sqlstate == "GW903"


@pytest.mark.both_kinds
def test_another_version(fresh: Database, migrations: Migrations) -> None:
    """A script that was run already is refused, whichever kind there is."""
    said = refused(fresh, plain(migrations, EARLIER, version()))
    assert said.sqlstate == "GW906"
    assert f"installed as version {version()} ({fresh.kind})" in str(said.message_primary)


def test_another_kind(earlier: Database, migrations: Migrations) -> None:
    """An extension is upgraded by ALTER EXTENSION alone, or its new objects would not belong to it."""
    said = refused(earlier, plain(migrations, EARLIER, version()))
    assert said.sqlstate == "GW906"
    assert said.message_hint == "ALTER EXTENSION ghostwatch UPDATE;"


@pytest.mark.both_kinds
def test_the_order_of_the_parts(earlier: Database, migrations: Migrations) -> None:
    """ghostwatch first, and on the way back last."""
    for part, undo in (("ghostwatch_onboarding", False), ("ghostwatch", True)):
        with pytest.raises(psycopg.Error) as error:
            migrations.upgrade(earlier.connection, earlier.kind, part, undo=undo)
        assert error.value.sqlstate == "GW907"
        migrations.upgrade(earlier.connection, earlier.kind, undo=undo)


@pytest.mark.both_kinds
def test_going_back_would_lose_data(fresh: Database, migrations: Migrations) -> None:
    """The error says what would be lost."""
    fresh.execute("SELECT ghostwatch.maintenance('1 hour', 'release')")
    migrations.upgrade(fresh.connection, fresh.kind, "ghostwatch_onboarding", undo=True)
    with pytest.raises(psycopg.Error) as error:
        migrations.upgrade(fresh.connection, fresh.kind, "ghostwatch", undo=True)
    assert error.value.sqlstate == "GW908"
    assert error.value.diag.message_detail == "1 windows"


@pytest.mark.both_kinds
def test_an_object_of_somebody_else_depends_on_what_changes(earlier: Database, migrations: Migrations) -> None:
    """It is named, and nothing of it is dropped."""
    earlier.execute(
        """
        CREATE VIEW public.report AS SELECT contract FROM ghostwatch.status;
        CREATE TABLE public.log (n ghostwatch._obsolete);
        CREATE FUNCTION public.wrapper() RETURNS integer LANGUAGE sql RETURN ghostwatch.obsolete(NULL);
        CREATE TABLE public.signup (id bigint);
        CREATE FUNCTION public.nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER recorded AFTER INSERT ON public.signup
        FOR EACH ROW WHEN (ghostwatch.obsolete(NULL) = 1) EXECUTE FUNCTION public.nothing();
        CREATE VIEW ghostwatch.report AS SELECT contract FROM ghostwatch.status;
        """
    )
    with pytest.raises(psycopg.Error) as error:
        migrations.upgrade(earlier.connection, earlier.kind)
    assert error.value.sqlstate == "GW909"
    assert str(error.value.diag.message_detail).splitlines() == [
        "column n of table public.log",
        "function public.wrapper()",
        "trigger recorded on table public.signup",
        "view ghostwatch.report",
        "view public.report",
    ]
    earlier.execute(
        """
        DROP VIEW public.report, ghostwatch.report;
        DROP TABLE public.log, public.signup;
        DROP FUNCTION public.wrapper();
        """
    )
    migrations.upgrade(earlier.connection, earlier.kind)


def test_settings_of_the_session_are_given_back(empty: Database, migrations: Migrations) -> None:
    """Also within a longer transaction, whatever a tool does before and after."""
    settings = b"""
        SELECT name, setting FROM pg_settings WHERE name NOT LIKE ALL ('{transaction%,plpgsql.%}') ORDER BY name
    """
    migrations.install_before(empty.name, "plain")
    connection = empty.connect(autocommit=False)
    connection.execute("SET search_path = public; SET client_min_messages = notice")
    before = connection.execute(settings).fetchall()
    connection.execute(plain(migrations, EARLIER, version()))
    assert connection.execute(settings).fetchall() == before
