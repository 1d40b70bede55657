"""Deploy windows: violations are recorded, alerts wait for the end, and one message says what was found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import psycopg.rows
import pytest

from ghostwatch.notifier.messages import Renderer
from ghostwatch.notifier.messenger import Notification
from tests.detect.bot import Bot, minutes
from tests.support.database import Database

OUTBOX = """
    SELECT reason, state FROM ghostwatch.notification WHERE reason <> 'updated' ORDER BY notification_id
"""


def open_window(bot: Bot, duration: str = "20 minutes", comment: str = "release 2026-12-01") -> Any:
    """The statement of a deploy script."""
    return bot.database.value("SELECT ghostwatch.maintenance(%s::interval, %s)", duration, comment)


def test_decisions_wait_and_detection_goes_on(bot: Bot) -> None:
    """No alert during the window; at its end one summary, which reports the alert that is still firing."""
    assert open_window(bot) == bot.now + minutes(20)
    bot.sign_up(1, branch="kitchen")
    bot.sign_up(2, branch="kitchen")
    bot.run_every_minute(minutes(8))
    assert bot.states() == {"1": "error", "2": "error"}
    bot.get_meme(2)
    bot.run_every_minute(minutes(11))
    assert bot.database.rows(OUTBOX) == []
    assert bot.states() == {"1": "error", "2": "recovered"}

    bot.run_every_minute(minutes(1))
    assert bot.database.rows(OUTBOX) == [("opened", "superseded"), ("maintenance", "pending")]
    (claimed,) = bot.database.connection.cursor(row_factory=psycopg.rows.dict_row).execute(
        "SELECT * FROM ghostwatch.claim_notifications('sidecar-1')"
    )
    text = Renderer().render(Notification(**claimed)).plain
    assert "maintenance is over: release 2026-12-01" in text
    assert "onboarding · first_meme: 2 found, 1 recovered, 1 open" in text
    assert "1 alert, 1 still firing" in text

    bot.run_every_minute(minutes(3))
    assert bot.database.rows(OUTBOX) == [("opened", "superseded"), ("maintenance", "claimed")]


def test_a_window_in_which_nothing_happened(bot: Bot) -> None:
    """Is summarized too: the deploy went well."""
    open_window(bot)
    bot.run_every_minute(minutes(25))
    assert bot.database.rows(OUTBOX) == [("maintenance", "pending")]
    assert bot.database.value("SELECT payload -> 'found' FROM ghostwatch.notification") == []


def test_it_ends_early_or_later(bot: Bot) -> None:
    """A second call moves the end; end_maintenance() ends it, and may come too late."""
    open_window(bot)
    bot.run_every_minute(minutes(10))
    assert open_window(bot, "30 minutes", "again") == bot.now + minutes(30)
    assert bot.database.value("SELECT comment FROM ghostwatch.maintenance") == "release 2026-12-01; again"
    bot.database.execute("SELECT ghostwatch.end_maintenance()")
    bot.run_every_minute(minutes(1))
    assert bot.database.rows(OUTBOX) == [("maintenance", "pending")]
    bot.database.execute("SELECT ghostwatch.end_maintenance()")


def test_a_failing_check_is_no_alert_meanwhile(bot: Bot) -> None:
    """A table that is renamed and renamed back by a migration costs nobody a message."""
    open_window(bot)
    bot.sign_up(1)
    bot.get_meme(1)
    bot.database.execute("ALTER TABLE user_tg RENAME deep_link TO link")
    bot.run_every_minute(minutes(5))
    assert bot.database.value("SELECT state FROM ghostwatch.status") == "failing"
    bot.database.execute("ALTER TABLE user_tg RENAME link TO deep_link")
    bot.run_every_minute(minutes(16))
    assert bot.database.rows(OUTBOX) == [("maintenance", "pending")]


def test_checks_that_stop_meanwhile(bot: Bot) -> None:
    """The sidecars do not raise an alert during the window."""
    open_window(bot)
    bot.pass_time(minutes(15))
    bot.database.execute("SELECT ghostwatch.detect_stopped_checks()")
    assert bot.database.rows("SELECT kind FROM ghostwatch.alert") == []
    bot.pass_time(minutes(10))
    bot.database.execute("SELECT ghostwatch.detect_stopped_checks()")
    assert bot.database.rows("SELECT kind FROM ghostwatch.alert") == [("checks_stopped",)]


def test_it_covers_the_contracts_of_its_role(bot: Bot, make_role: Callable[[], str]) -> None:
    """A window of another role keeps nothing of this contract back."""
    other = make_role()
    bot.database.execute("SELECT ghostwatch.grant_operator(%s)", other)
    bot.database.connect(other).execute("SELECT ghostwatch.maintenance('20 minutes', 'of another')")
    bot.sign_up(1)
    bot.run_every_minute(minutes(3))
    assert bot.database.rows(OUTBOX) == [("opened", "pending")]


@pytest.mark.parametrize(
    "arguments", ["'0', 'x'", "'8 days', 'x'", "NULL, 'x'", "'infinity', 'x'", "'1 hour', NULL", "'1 hour', ''"]
)
def test_malformed(bot: Bot, arguments: str) -> None:
    """GW059, with the statement to type."""
    if "infinity" in arguments and bot.database.connection.info.server_version < 170000:
        arguments = "'-1 hours', 'x'"
    with pytest.raises(psycopg.Error, match="needs a duration") as refused:
        bot.database.connection.execute(f"SELECT ghostwatch.maintenance({arguments})".encode())
    assert refused.value.sqlstate == "GW059"
    assert "release 2026-12-01" in (refused.value.diag.message_hint or "")


def test_a_lock_is_a_state_of_its_own(bot: Bot) -> None:
    """A migration that holds a table: whom the check waits for, and what that session does."""
    bot.database.execute("SELECT ghostwatch.set_setting('lock_wait', '20 milliseconds')")
    bot.sign_up(1, minutes(2))
    migration = bot.database.connect(autocommit=False)
    migration.execute("ALTER TABLE user_meme_reaction ADD COLUMN mood text DEFAULT 'secret'")
    bot.run()
    state, remark = bot.database.rows("SELECT state, remark FROM ghostwatch.status")[0]
    assert state == "waiting"
    assert f"waiting for pid {migration.info.backend_pid}, ALTER TABLE user_meme_reaction ADD COLUMN mood" in remark
    assert "secret" not in remark
    assert bot.database.rows("SELECT kind FROM ghostwatch.alert") == []

    bot.pass_time(minutes(2))
    bot.run()
    assert bot.database.rows("SELECT kind FROM ghostwatch.alert") == []
    bot.pass_time(minutes(1))
    bot.run()
    assert bot.database.rows("SELECT kind, evidence ->> 'last_error_state' FROM ghostwatch.alert") == [
        ("check_failing", "55P03")
    ]
    migration.rollback()
    bot.run()
    assert bot.database.rows("SELECT kind, state FROM ghostwatch.alert WHERE kind = 'check_failing'") == [
        ("check_failing", "resolved")
    ]


def test_the_doctor_waits_for_nobody(bot: Bot) -> None:
    """It says what it could not look at, and of a check that waits for a lock that it waits."""
    bot.database.execute("SELECT ghostwatch.set_setting('lock_wait', '20 milliseconds')")
    bot.sign_up(1, minutes(2))
    # An alert that fires most of the week is replayed by another rule.
    bot.database.execute(
        """
        SELECT ghostwatch.declare_invariant(
            'onboarding', 'first_meme', related_at_column => 'reacted_at', rule => 'threshold'
        );
        INSERT INTO ghostwatch.alert (kind, contract, invariant_id, invariant, severity, opened_at, changed_at)
        SELECT 'violations', 'onboarding', i.invariant_id, i.name, 'error', t.now - '6 days'::interval, t.now
        FROM ghostwatch.invariant AS i CROSS JOIN ghostwatch._clock() AS t (now);
        """
    )
    migration = bot.database.connect(autocommit=False)
    migration.execute('LOCK "user", user_meme_reaction, user_tg')
    bot.run()
    bot.database.execute("SET statement_timeout = '30s'")
    findings = {
        check: (verdict, finding)
        for check, verdict, finding in bot.database.rows("SELECT check_name, verdict, finding FROM ghostwatch.doctor()")
    }
    holder = f"pid {migration.info.backend_pid}, LOCK"
    assert findings["clocks"][0] == "warning"
    assert holder in findings["clocks"][1]
    assert findings["missed"][0] == "ok" or "55P03" in findings["missed"][1]
    assert "could not be replayed over the past (55P03" in findings["rules"][1]
    assert findings["checks"][0] == "warning"
    assert f"waits for a lock since {bot.now:%Y-%m-%d}" in findings["checks"][1]
    assert holder in findings["checks"][1]
    assert bot.database.rows("SELECT state FROM ghostwatch.status") == [("waiting",)]


def test_a_partition_that_is_locked(database: Database) -> None:
    """Neither the check nor the doctor waits for it while they find out who holds it."""
    database.execute(
        """
        CREATE TABLE person (id bigint PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT now())
        PARTITION BY LIST (id);
        CREATE TABLE person_1 PARTITION OF person FOR VALUES IN (1);
        CREATE TABLE greeting (person_id bigint);
        SELECT ghostwatch.declare_contract('people', 'person', capture => true);
        SELECT ghostwatch.declare_invariant('people', 'greeting', 'greeting', 'person_id', error_after => '0');
        SELECT ghostwatch.set_setting('lock_wait', '20 milliseconds');
        INSERT INTO person VALUES (1);
        """
    )
    migration = database.connect(autocommit=False)
    migration.execute("LOCK person_1")
    database.execute("SET statement_timeout = '30s'")
    database.execute("CALL ghostwatch.run_checks()")
    assert f"pid {migration.info.backend_pid}, LOCK" in database.value("SELECT remark FROM ghostwatch.status")
    assert database.rows("SELECT verdict FROM ghostwatch.doctor() WHERE check_name = 'checks'") == [("warning",)]
