"""What was recorded before an upgrade goes on after it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from scripts.build import version
from tests.support.database import Database
from tests.support.earlier import EARLIER, Migrations

pytestmark = [pytest.mark.both_kinds, pytest.mark.machine]

# The bot's own tables take the time of the server.
NOW = datetime.now(UTC)


@pytest.fixture
def lived_in(earlier: Database) -> Database:
    """A contract with an open violation, a firing alert and a notification that a sidecar has claimed."""
    earlier.execute("SELECT FROM onboarding.adopt()")
    earlier.execute("SELECT ghostwatch.add_channel('admins', -100)")
    earlier.execute("SELECT ghostwatch.set_setting('resolve_after', '7 minutes')")
    earlier.set_clock(NOW - timedelta(minutes=10))
    earlier.execute("SELECT FROM onboarding.start(6001480, 'Anna', deep_link => 'kitchen')")
    earlier.set_clock(NOW)
    earlier.execute("CALL ghostwatch.run_checks()")
    return earlier


def rows(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table that both versions have, but the columns that one of them has not."""
    tables = database.rows(
        """
        SELECT t.table_schema || '.' || t.table_name,
            string_agg(quote_ident(c.column_name), ', ' ORDER BY c.column_name)
        FROM information_schema.tables AS t
        JOIN information_schema.columns AS c USING (table_schema, table_name)
        WHERE t.table_schema IN ('ghostwatch', 'onboarding') AND t.table_type = 'BASE TABLE'
            AND t.table_name NOT IN ('installation', 'obsolete_table') AND c.column_name <> 'obsolete'
        GROUP BY t.table_schema, t.table_name
        """
    )
    return {
        table: sorted(database.connection.execute(f"SELECT {columns} FROM {table}".encode()).fetchall(), key=repr)
        for table, columns in tables
    }


def test_every_row_survives(lived_in: Database, migrations: Migrations) -> None:
    before = rows(lived_in)
    for table in ("violation", "alert", "notification", "contract", "channel", "changed_setting"):
        assert before[f"ghostwatch.{table}"], table
    migrations.upgrade(lived_in.connection, lived_in.kind)
    assert rows(lived_in) == before
    migrations.upgrade(lived_in.connection, lived_in.kind, undo=True)
    assert rows(lived_in) == before


def test_an_incident_goes_on(lived_in: Database, migrations: Migrations) -> None:
    """What a sidecar claimed before is sent, the alert is the same one, and it resolves."""
    ((claimed,),) = lived_in.rows("SELECT notification_id FROM ghostwatch.claim_notifications('sidecar')")
    migrations.upgrade(lived_in.connection, lived_in.kind)
    assert lived_in.value("SELECT ghostwatch.notification_sent(%s, 'sidecar', 4711)", claimed) is True

    lived_in.set_clock(NOW + timedelta(minutes=1))
    lived_in.execute("CALL ghostwatch.run_checks()")
    assert lived_in.rows("SELECT state FROM ghostwatch.alert") == [("firing",)]
    lived_in.execute("INSERT INTO public.user_meme_reaction (user_id, meme_id) VALUES (6001480, 1)")
    for minute in range(2, 12):
        lived_in.set_clock(NOW + timedelta(minutes=minute))
        lived_in.execute("CALL ghostwatch.run_checks()")
    assert lived_in.rows("SELECT state FROM ghostwatch.alert") == [("resolved",)]


def test_triggers_on_the_application_go_on(lived_in: Database, migrations: Migrations) -> None:
    """Arrivals are captured and contracts enforced by the same triggers, whose functions the version before wrote."""
    lived_in.execute("SELECT ghostwatch.declare_contract('captured', 'public.user', capture => true)")
    lived_in.execute("SELECT FROM ghostwatch.enforce('onboarding', 'reject', force => true)")
    triggers = "SELECT oid, tgname FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = 'public.user'::regclass"
    before = lived_in.rows(triggers)
    assert len(before) > 1

    def assert_they_work(key: int) -> None:
        with pytest.raises(psycopg.Error, match="cannot be committed without"):
            lived_in.execute("INSERT INTO public.user (id, type) VALUES (%s, 'user')", key)
        lived_in.execute("SELECT FROM onboarding.start(%s, 'Ben')", key)
        assert lived_in.value("SELECT count(*) FROM ghostwatch.arrival WHERE subject_key = %s", str(key)) > 0

    assert_they_work(77)
    migrations.upgrade(lived_in.connection, lived_in.kind)
    assert lived_in.rows(triggers) == before
    assert_they_work(78)
    migrations.upgrade(lived_in.connection, lived_in.kind, undo=True)
    assert_they_work(79)


def test_a_failure_leaves_the_version_before(lived_in: Database, migrations: Migrations) -> None:
    """Somebody reads a table that a step changes, for longer than the upgrade waits."""
    before = rows(lived_in)
    reader = lived_in.connect(autocommit=False)
    reader.execute("SELECT FROM ghostwatch.obsolete_table")
    lived_in.execute("SET lock_timeout = '50ms'")
    with pytest.raises(Exception, match="lock timeout"):
        migrations.upgrade(lived_in.connection, lived_in.kind)
    reader.rollback()

    assert lived_in.value("SELECT version FROM ghostwatch.installation") == EARLIER
    assert rows(lived_in) == before
    attempted = lived_in.value("SELECT max(last_attempt_at) FROM ghostwatch.check_progress")
    lived_in.execute("CALL ghostwatch.run_checks()")
    assert lived_in.value("SELECT min(last_attempt_at) FROM ghostwatch.check_progress") > attempted
    migrations.upgrade(lived_in.connection, lived_in.kind)
    assert lived_in.value("SELECT version FROM ghostwatch.installation") == version()
