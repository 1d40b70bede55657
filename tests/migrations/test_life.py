"""What was recorded in a released version goes on after the upgrade, and after its undo."""

from __future__ import annotations

import psycopg
import pytest

from scripts.build import version
from tests.support.database import Database
from tests.support.earlier import Migrations
from tests.support.incident import columns, go_on_with_the_incident, live_through_an_incident, recorded

pytestmark = [pytest.mark.both_kinds, pytest.mark.machine]


@pytest.fixture
def lived_in(released: Database) -> Database:
    """Contracts, an open violation, a firing alert and a notification that waits."""
    live_through_an_incident(released)
    return released


def test_every_row_survives(lived_in: Database, release: Migrations) -> None:
    """A release may bring rows of its own; its undo takes these away and no other."""
    known = columns(lived_in)
    before = recorded(lived_in, known)
    for table in ("violation", "alert", "notification", "contract", "channel", "changed_setting", "arrival"):
        assert before["ghostwatch", table], table
    release.upgrade(lived_in.connection, lived_in.kind)
    after = recorded(lived_in, known)
    for name, rows in before.items():
        assert [row for row in rows if row not in after[name]] == [], name
    release.upgrade(lived_in.connection, lived_in.kind, undo=True)
    assert recorded(lived_in, known) == before


def test_an_incident_goes_on(lived_in: Database, release: Migrations) -> None:
    """What a sidecar claimed before is sent, the alert is the same one, and it resolves."""
    ((claimed,),) = lived_in.rows("SELECT notification_id FROM ghostwatch.claim_notifications('sidecar')")
    release.upgrade(lived_in.connection, lived_in.kind)
    assert lived_in.value("SELECT ghostwatch.notification_sent(%s, 'sidecar', 4711)", claimed) is True
    go_on_with_the_incident(lived_in)


def test_an_incident_goes_on_after_the_undo(lived_in: Database, release: Migrations) -> None:
    """Also where a sidecar claimed in between, and checks ran."""
    release.upgrade(lived_in.connection, lived_in.kind)
    ((claimed,),) = lived_in.rows("SELECT notification_id FROM ghostwatch.claim_notifications('sidecar')")
    lived_in.execute("CALL ghostwatch.run_checks()")
    release.upgrade(lived_in.connection, lived_in.kind, undo=True)
    assert lived_in.value("SELECT ghostwatch.notification_sent(%s, 'sidecar', 4711)", claimed) is True
    go_on_with_the_incident(lived_in)


def test_triggers_on_the_application_go_on(lived_in: Database, release: Migrations) -> None:
    """Arrivals are captured and contracts enforced by the same triggers, whose functions the version before wrote."""
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
    release.upgrade(lived_in.connection, lived_in.kind)
    assert lived_in.rows(triggers) == before
    assert_they_work(78)
    release.upgrade(lived_in.connection, lived_in.kind, undo=True)
    assert lived_in.rows(triggers) == before
    assert_they_work(79)


def test_a_failure_leaves_the_version_before(earlier: Database, migrations: Migrations) -> None:
    """Somebody reads a table that a step changes, for longer than the upgrade waits."""
    live_through_an_incident(earlier)
    known = columns(earlier)
    before = recorded(earlier, known)
    reader = earlier.connect(autocommit=False)
    reader.execute("SELECT FROM ghostwatch.obsolete_table")
    earlier.execute("SET lock_timeout = '50ms'")
    with pytest.raises(psycopg.errors.LockNotAvailable):
        migrations.upgrade(earlier.connection, earlier.kind)
    reader.rollback()

    assert earlier.value("SELECT version FROM ghostwatch.installation") == migrations.before
    assert recorded(earlier, known) == before
    attempted = earlier.value("SELECT max(last_attempt_at) FROM ghostwatch.check_progress")
    earlier.execute("CALL ghostwatch.run_checks()")
    assert earlier.value("SELECT min(last_attempt_at) FROM ghostwatch.check_progress") > attempted
    migrations.upgrade(earlier.connection, earlier.kind)
    assert earlier.value("SELECT version FROM ghostwatch.installation") == version()
