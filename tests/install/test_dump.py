"""A dump carries configuration and history, whichever kind of installation it was made from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from psycopg import sql

from tests.support.database import Database

pytestmark = [pytest.mark.both_kinds, pytest.mark.pg_dump]

NEXT_ALERT = "SELECT nextval(pg_get_serial_sequence('ghostwatch.alert', 'alert_id'))"


@pytest.fixture
def lived_in(database: Database) -> Database:
    """A database with a contract, settings, a channel, and a user who became a ghost."""
    now = datetime.now(UTC)
    database.execute("SELECT FROM onboarding.adopt()")
    database.execute("SELECT ghostwatch.set_setting('resolve_after', '7 minutes')")
    database.execute("SELECT ghostwatch.add_channel('admins', -100)")
    database.set_clock(now - timedelta(minutes=10))
    database.execute("SELECT FROM onboarding.start(6001480, 'Anna', deep_link => 'kitchen')")
    database.set_clock(now)
    database.execute("CALL ghostwatch.run_checks()")
    return database


def test_dump_and_restore_keep_every_row(lived_in: Database, empty_database: Database, tmp_path: Path) -> None:
    """Every table of the restored database has the rows of the first, and identities go on counting."""
    _restore(lived_in, empty_database, tmp_path)
    tables = _tables(lived_in)
    assert tables == _tables(empty_database)
    for table in tables:
        assert _rows(empty_database, table) == _rows(lived_in, table), table
    for name in ("contract", "invariant", "violation", "alert", "notification", "changed_setting"):
        assert _rows(empty_database, ("ghostwatch", name)), name
    assert empty_database.value("SELECT kind FROM ghostwatch.installation") == lived_in.kind
    assert empty_database.value(NEXT_ALERT) == lived_in.value(NEXT_ALERT)


def test_checks_go_on_after_a_restore(lived_in: Database, empty_database: Database, tmp_path: Path) -> None:
    """The restored database goes on with the same incident instead of opening another."""
    _restore(lived_in, empty_database, tmp_path)
    empty_database.execute("INSERT INTO public.user_meme_reaction (user_id, meme_id) VALUES (6001480, 1)")
    empty_database.execute("CALL ghostwatch.run_checks()")
    assert empty_database.rows(
        """
        SELECT v.state
        FROM ghostwatch.violation AS v
        JOIN ghostwatch.invariant AS i USING (invariant_id)
        WHERE i.name = 'first_meme'
        """
    ) == [("recovered",)]
    assert empty_database.value("SELECT count(*) FROM ghostwatch.alert") == 1


def _restore(source: Database, target: Database, directory: Path) -> None:
    dump = directory / "dump.sql"
    dump.write_text(source.server.dump(source.name), encoding="utf-8")
    restored = target.server.psql_file(dump, target.name)
    assert restored.stderr == ""


def _tables(database: Database) -> list[tuple[str, str]]:
    """All tables but what is written anew, the installation's record and the secrets of roles, and a harmless cache."""
    return [
        (schema, name)
        for schema, name in database.rows(
            """
            SELECT t.schemaname, t.tablename
            FROM pg_tables AS t
            WHERE t.schemaname IN ('ghostwatch', 'onboarding', 'public')
                AND t.tablename NOT IN ('installation', 'role_secret', 'user_info')
            ORDER BY t.schemaname, t.tablename
            """
        )
    ]


def _rows(database: Database, table: tuple[str, str]) -> list[str]:
    query = sql.SQL("SELECT t::text FROM {} AS t ORDER BY 1").format(sql.Identifier(*table))
    return [row for (row,) in database.connection.execute(query)]
