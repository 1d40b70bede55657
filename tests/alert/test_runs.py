"""What alerts make of whole check runs: several at once, after an outage, over a failing check."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg

from tests.detect.bot import Bot, minutes
from tests.support.database import Database

OUTBOX = """
    SELECT reason, state
    FROM ghostwatch.notification
    WHERE reason <> 'updated'
    ORDER BY notification_id
"""


def at_once(database: Database, sessions: int, work: Callable[[psycopg.Connection[Any]], Any]) -> list[Any]:
    """Does the same work in that many sessions, started at the same moment."""
    start = threading.Barrier(sessions)
    connections = [database.connect() for _ in range(sessions)]

    def wait_and_work(connection: psycopg.Connection[Any]) -> Any:
        start.wait()
        return work(connection)

    with ThreadPoolExecutor(sessions) as threads:
        return list(threads.map(wait_and_work, connections))


def run_checks(connection: psycopg.Connection[Any]) -> None:
    """One check run."""
    connection.execute("CALL ghostwatch.run_checks()")


def test_twenty_runs_at_once(bot: Bot) -> None:
    """However many runs overlap, every step of an incident is announced once."""
    bot.database.execute("SELECT ghostwatch.set_setting('check_period', '5 minutes')")
    for key in range(1, 31):
        bot.sign_up(key, branch="kitchen")
    bot.pass_time(minutes(2))
    at_once(bot.database, 20, run_checks)
    assert bot.database.rows(OUTBOX) == [("opened", "pending")]

    bot.database.execute("UPDATE ghostwatch.notification SET state = 'sent', sent_at = created_at, message_id = 1")
    bot.pass_time(minutes(4))
    at_once(bot.database, 20, run_checks)
    assert bot.database.rows(OUTBOX) == [("opened", "sent"), ("escalated", "pending")]

    bot.database.execute("UPDATE ghostwatch.notification SET state = 'sent', sent_at = created_at, message_id = 2")
    for key in range(1, 31):
        bot.get_meme(key)
    at_once(bot.database, 20, run_checks)
    bot.pass_time(minutes(5))
    at_once(bot.database, 20, run_checks)
    assert bot.database.rows(OUTBOX) == [("opened", "sent"), ("escalated", "sent"), ("resolved", "pending")]
    assert bot.database.value("SELECT count(*) FROM ghostwatch.alert") == 1


def test_one_wake_up_per_check(bot: Bot) -> None:
    """Each check of a run that queues messages sends one NOTIFY, however many they are; another run sends none."""
    bot.declare_invariant(name="second_meme")
    bot.database.execute("SELECT ghostwatch.add_channel('others', -1002)")
    listener = bot.database.connect()
    listener.execute("LISTEN ghostwatch")
    bot.run()
    assert list(listener.notifies(timeout=0.1)) == []

    bot.sign_up(1)
    bot.pass_time(minutes(2))
    bot.run()
    assert bot.database.value("SELECT count(*) FROM ghostwatch.notification") == 4
    assert len(list(listener.notifies(timeout=0.5))) == 2

    bot.pass_time(minutes(1))
    bot.run()
    assert list(listener.notifies(timeout=0.1)) == []


def test_several_sidecars_watch(bot: Bot) -> None:
    """Stopped checks are one alert, however many sidecars notice."""
    bot.pass_time(minutes(10))
    at_once(bot.database, 10, lambda session: session.execute("SELECT ghostwatch.detect_stopped_checks()"))

    assert bot.database.rows(OUTBOX) == [("opened", "pending")]


def test_two_invariants_share_a_digest(bot: Bot) -> None:
    """Runs that keep something back for the same morning at the same time make one digest."""
    bot.declare_invariant(name="second_meme")
    bot.database.execute(
        "SELECT ghostwatch.add_channel('admins', -1001, quiet_from => '10:00', quiet_until => '14:00')"
    )
    bot.sign_up(1)
    bot.pass_time(minutes(2))
    at_once(bot.database, 20, run_checks)

    assert sorted(bot.database.rows(OUTBOX)) == [
        ("digest", "pending"),
        ("opened", "suppressed"),
        ("opened", "suppressed"),
    ]
    bot.pass_time(minutes(120))
    (payload,) = bot.database.rows("SELECT payload FROM ghostwatch.claim_notifications('sidecar')")[0]
    assert {alert["invariant"] for alert in payload["alerts"]} == {"first_meme", "second_meme"}


def test_acknowledged_while_a_run_is_on(bot: Bot) -> None:
    """An acknowledgement waits for the run that is at the alert, and neither undoes the other."""
    bot.sign_up(1)
    bot.pass_time(minutes(2))
    bot.run()
    bot.sign_up(2)
    bot.pass_time(minutes(2))

    run = bot.database.connect(autocommit=False)
    run.execute("SELECT ghostwatch._check_invariant(invariant_id, true) FROM ghostwatch.invariant")
    with ThreadPoolExecutor(1) as threads:
        acknowledged = threads.submit(
            bot.database.rows, "SELECT ghostwatch.acknowledge(max(alert_id), 'anna') FROM ghostwatch.alert"
        )
        run.commit()
        assert acknowledged.result() == [(True,)]

    assert bot.database.rows("SELECT warn_count, acknowledged_by FROM ghostwatch.alert") == [(2, "anna")]


def test_a_day_without_checks(bot: Bot) -> None:
    """After an outage of everything, one summary reports what was found."""
    bot.pass_time(minutes(24 * 60))
    for key in range(100):
        bot.sign_up(key, minutes(60 + 10 * key), branch="kitchen")
    for key in range(100, 103):
        bot.sign_up(key, minutes(10))
    bot.run()

    assert bot.database.rows(OUTBOX) == [
        ("opened", "superseded"),
        ("opened", "superseded"),
        ("outage_summary", "pending"),
    ]
    ((reason, alert, payload),) = bot.database.rows(
        "SELECT reason, alert, payload FROM ghostwatch.claim_notifications('sidecar')"
    )
    assert reason == "outage_summary"
    assert alert["evidence"]["outage_summary"] == [
        {
            "contract": "onboarding",
            "invariant": "first_meme",
            "found": 103,
            "open": 3,
            "expired": 100,
            "recovered": 0,
        }
    ]
    assert [(alert["kind"], alert["state"], alert["error_count"]) for alert in payload["alerts"]] == [
        ("violations", "firing", 3)
    ]


def test_says_that_it_is_catching_up(bot: Bot) -> None:
    """While a backlog is worked off, the alert says since when the checks are behind."""
    bot.database.execute("SELECT ghostwatch.set_setting('batch_size', '10')")
    for key in range(30):
        bot.sign_up(key, minutes(key / 10))
    bot.pass_time(minutes(10))
    check = "SELECT ghostwatch._check_invariant(invariant_id, true) FROM ghostwatch.invariant"
    behind = "SELECT evidence ? 'catching_up_since' FROM ghostwatch.alert"
    bot.database.execute(check)
    assert bot.database.value(behind)

    for _ in range(3):
        bot.database.execute(check)
    assert not bot.database.value(behind)


def test_a_check_that_fails(bot: Bot) -> None:
    """A check that cannot be done is an alert, with the error; doing it again resolves it."""
    bot.database.execute("DROP TABLE user_meme_reaction")
    bot.run()
    ((kind, evidence),) = bot.database.rows("SELECT kind, evidence FROM ghostwatch.alert")
    assert kind == "check_failing"
    assert evidence["last_error"]

    bot.database.execute("CREATE TABLE user_meme_reaction (user_id bigint PRIMARY KEY)")
    bot.declare_invariant()
    bot.pass_time(minutes(1))
    bot.run()
    assert bot.database.rows("SELECT kind, state FROM ghostwatch.alert") == [("check_failing", "resolved")]


def test_nothing_to_decide_costs_next_to_nothing(bot: Bot) -> None:
    """With nothing wrong, deciding touches a handful of buffers, however long the history."""
    bot.database.execute(
        """
        INSERT INTO ghostwatch.violation
            (invariant_id, subject_key, born_at, branch_family, state, opened_at, closed_at, close_reason)
        SELECT invariant_id, n, now(), 'none', 'recovered', now(), now(), 'row_came'
        FROM ghostwatch.invariant, generate_series(1, 20000) AS n;

        INSERT INTO ghostwatch.alert (kind, invariant_id, state, severity, opened_at, resolved_at, changed_at)
        SELECT 'violations', invariant_id, 'resolved', 'warn', '2025-01-01', '2025-01-01', '2025-01-01'
        FROM ghostwatch.invariant, generate_series(1, 5000);

        INSERT INTO ghostwatch.branch_minute
        SELECT invariant_id, timestamptz '2026-01-01' + n * interval '1 minute', 'none', 10, 1
        FROM ghostwatch.invariant, generate_series(1, 20000) AS n
        """
    )
    bot.database.execute("ANALYZE ghostwatch.violation, ghostwatch.alert, ghostwatch.branch_minute")

    def buffers() -> int:
        (plan,) = bot.database.value(
            """
            EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)
            SELECT ghostwatch._decide_alerts(1, ghostwatch._clock())
            """
        )
        return int(plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"])

    buffers()  # What a session reads of the catalog the first time is not the run's.
    assert buffers() <= 40


def test_locks_of_the_application_are_its_own(bot: Bot) -> None:
    """One that it takes for a user whose id is any number of ours holds up neither events nor alerts."""
    application = bot.database.connect()
    application.execute("SELECT pg_advisory_lock(c.oid::bigint) FROM pg_class AS c")
    bot.database.execute("SELECT ghostwatch.post_event('user_started', '1', '{}')")
    assert bot.database.rows("SELECT reason FROM ghostwatch.claim_notifications('sidecar')") == [("events",)]
    bot.pass_time(minutes(10))
    bot.database.execute("SELECT ghostwatch.detect_stopped_checks()")
    assert bot.database.value("SELECT kind FROM ghostwatch.alert") == "checks_stopped"


def test_a_dropped_invariant_wakes_the_sidecars(bot: Bot) -> None:
    """Its alert is resolved by the drop; no later run would do that."""
    bot.sign_up(1)
    bot.pass_time(minutes(2))
    bot.run()
    listener = bot.database.connect()
    listener.execute("LISTEN ghostwatch")
    bot.database.execute("SELECT ghostwatch.drop_invariant('onboarding', 'first_meme')")

    assert len(list(listener.notifies(timeout=0.5))) == 1


def test_only_what_is_told_waits_for_the_disk(bot: Bot) -> None:
    """A check commits without waiting for the disk unless it queued a message that survived."""
    with bot.database.connect() as session:
        for statements, waits in (
            ((), "off"),
            (("SELECT ghostwatch._wake_sidecars()",), "on"),
            (("SAVEPOINT s", "SELECT ghostwatch._wake_sidecars()", "ROLLBACK TO s"), "off"),
            ((), "off"),
        ):
            with session.transaction():
                for statement in statements:
                    session.execute(statement)
                session.execute("SELECT ghostwatch._relax_commit()")
                assert session.execute("SHOW synchronous_commit").fetchone() == (waits,)


def test_alerts_end_with_their_contract_however_it_goes(bot: Bot) -> None:
    """A row that is deleted by hand leaves no alert behind that nobody could ever resolve."""
    bot.sign_up(1)
    bot.pass_time(minutes(2))
    bot.run()
    bot.database.execute("DELETE FROM ghostwatch.contract")
    assert bot.database.rows("SELECT state, evidence ->> 'dropped' FROM ghostwatch.alert") == [("resolved", "true")]
    assert ("resolved", "pending") in bot.database.rows(OUTBOX)
