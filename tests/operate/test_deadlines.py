"""Checks exactly when something is due: the moment looked ahead to, and the run that stays until the next one."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, LiteralString

import psycopg
import pytest

from tests.detect.bot import NOON, Bot, minutes
from tests.support.database import Database

MICROSECOND = timedelta(microseconds=1)
CHANGES: LiteralString = """
    SELECT
        (SELECT array_agg(ROW(v.subject_key, v.state)::text ORDER BY v.invariant_id, v.subject_key)
            FROM ghostwatch.violation v),
        (SELECT array_agg(ROW(a.kind, a.state, a.severity, a.clear_since, a.silence_id)::text ORDER BY a.alert_id)
            FROM ghostwatch.alert a),
        (SELECT count(*) FROM ghostwatch.notification n)
"""


def seconds(count: float) -> timedelta:
    """That many seconds."""
    return timedelta(seconds=count)


@pytest.fixture
def bot(database: Database) -> Bot:
    """A bot with short deadlines, and a channel."""
    bot = Bot.create(database)
    bot.declare(warn_after=seconds(10), error_after=seconds(30), watch_for=seconds(60))
    database.execute("SELECT ghostwatch.add_channel('admins', -1001)")
    return bot


def next_due(bot: Bot) -> datetime:
    """When a check is next due."""
    due: datetime = bot.database.value("SELECT ghostwatch.next_check_due()")
    return due


def test_nothing_declared_nothing_due(database: Database) -> None:
    assert database.value("SELECT ghostwatch.next_check_due()") is None


def test_nothing_is_due_while_checks_are_paused(bot: Bot) -> None:
    bot.database.execute("SELECT ghostwatch.pause()")
    assert bot.database.value("SELECT ghostwatch.next_check_due()") is None


def test_what_is_due_next(bot: Bot) -> None:
    """Each deadline by itself, to the microsecond; where nothing is due, somebody may sign up now."""
    assert next_due(bot) == NOON, "never checked"
    bot.run()
    assert next_due(bot) == NOON + seconds(10), "whoever signs up now"

    bot.sign_up(1, seconds(4))
    bot.sign_up(2, seconds(8))
    bot.get_meme(2)
    assert next_due(bot) == NOON + seconds(6), "the first that lacks its row"

    bot.pass_time(seconds(6))
    bot.run()
    bot.pass_time(seconds(15))
    bot.run()
    assert next_due(bot) == NOON + seconds(26) + MICROSECOND, "the warning becomes an error"

    bot.pass_time(seconds(6))
    bot.run()
    assert bot.states() == {"1": "error"}
    bot.pass_time(seconds(25))
    bot.run()
    assert next_due(bot) == NOON + seconds(56) + MICROSECOND, "the violation expires"

    bot.database.execute("SELECT ghostwatch.set_setting('resolve_after', '3 seconds')")
    bot.pass_time(seconds(5))
    bot.run()
    assert next_due(bot) == NOON + seconds(60), "the alert resolves"


def test_an_error_without_a_warning_is_due_past_its_deadline(bot: Bot) -> None:
    bot.declare_invariant(warn_after=None, error_after=seconds(30), watch_for=seconds(60))
    bot.run()
    bot.sign_up(1, seconds(25))
    assert next_due(bot) == NOON + seconds(5) + MICROSECOND


def test_alerts_are_repeated_and_silences_end_on_time(bot: Bot) -> None:
    bot.declare_invariant(warn_after=seconds(10), error_after=minutes(60), watch_for=minutes(120))
    bot.database.execute("SELECT ghostwatch.set_setting('repeat_interval', '7 seconds')")
    bot.sign_up(1, seconds(10))
    bot.run()
    assert next_due(bot) == NOON + seconds(7)
    bot.database.execute(
        "SELECT ghostwatch.silence('onboarding', duration => '5 seconds', by => 'me', comment => 'known')"
    )
    assert next_due(bot) == NOON + seconds(5)


def test_a_check_that_fails_is_not_due_at_once(bot: Bot) -> None:
    """The next run tries it again; a look ahead would only fail as well."""
    bot.sign_up(1, seconds(5))
    bot.run()
    bot.database.execute("DROP TABLE user_meme_reaction")
    assert next_due(bot) == NOON + seconds(10), "what the look cannot read, the check will report"
    bot.run()
    assert next_due(bot) > NOON


def test_who_has_the_row_is_looked_past_only_so_far(bot: Bot) -> None:
    """A look reads the next hundred subjects; beyond them it has to look again."""
    bot.run()
    for key in range(150):
        bot.sign_up(key, seconds(9) - timedelta(milliseconds=key))
        bot.get_meme(key)
    bot.sign_up(1000, seconds(2))
    assert next_due(bot) == NOON + seconds(1) + timedelta(milliseconds=99)
    bot.pass_time(seconds(2))
    bot.database.execute("CALL ghostwatch.run_due_checks()")
    assert next_due(bot) == NOON + seconds(8)
    assert bot.counts() == (150, 0)


@pytest.mark.parametrize("seed", range(3))
def test_never_later_than_the_next_change(bot: Bot, seed: int) -> None:
    """As a run at every second sees it, over random populations, clauses and settings."""
    chance = random.Random(seed)
    for name in ("resolve_after", "repeat_interval"):
        bot.database.execute("SELECT ghostwatch.set_setting(%s, %s)", name, str(seconds(chance.choice([3, 5, 20]))))
    bot.declare_invariant(
        warn_after=chance.choice([None, seconds(10)]),
        error_after=seconds(20),
        watch_for=seconds(40),
        min_count=chance.choice([1, 2]),
        min_rate=chance.choice([0, 0.3]),
    )
    bot.run()
    key = 0
    due = next_due(bot)
    before = bot.database.rows(CHANGES)
    for _ in range(70):
        bot.pass_time(seconds(1))
        bot.run()
        after = bot.database.rows(CHANGES)
        assert after == before or due <= bot.now, (bot.now, due, before, after)

        # What happens meanwhile, happens between a run and the look ahead.
        if chance.random() < 0.3:
            key += 1
            bot.sign_up(key, seconds(chance.choice([0, 0.5, 3, 12, 25])))
            if chance.random() < 0.5:
                bot.get_meme(key)
        elif chance.random() < 0.1:
            bot.database.execute(
                "SELECT ghostwatch.silence('onboarding', duration => '4 seconds', by => 'me', comment => 'known')"
            )
        bot.run()
        before = bot.database.rows(CHANGES)
        due = next_due(bot)
    assert key


def test_a_due_check_does_what_a_run_does(bot: Bot) -> None:
    """It opens, escalates and expires on time; the watermark waits for the next run, which counts nobody twice."""
    bot.run()
    watermark = bot.progress("watermark")
    bot.sign_up(1)
    for age, state in ((10, "warn"), (30.5, "error"), (60.5, "expired")):
        bot.pass_time(NOON + seconds(age) - bot.now)
        bot.database.execute("CALL ghostwatch.run_due_checks()")
        assert bot.states() == {"1": state}
    assert bot.progress("watermark") == watermark
    bot.run()
    assert bot.progress("watermark") > watermark
    assert bot.counts() == (1, 1)


def test_who_appears_late_is_left_to_the_next_run(bot: Bot) -> None:
    """Nobody is lost between a due check, which reads no stretch again, and the run that does."""
    bot.run()
    bot.sign_up(1, seconds(5))
    bot.pass_time(seconds(20))
    bot.database.execute("CALL ghostwatch.run_due_checks()")
    bot.sign_up(2, seconds(22))
    bot.database.execute("CALL ghostwatch.run_due_checks()")
    assert set(bot.states()) == {"1"}
    bot.run()
    assert set(bot.states()) == {"1", "2"}
    assert bot.counts() == (2, 2)


def test_a_run_that_found_nothing_is_recorded_once_a_minute(bot: Bot) -> None:
    """A line a minute says that runs go on; more are written only where something was found."""
    for _ in range(3):
        bot.run()
    assert bot.database.value("SELECT count(*) FROM ghostwatch.check_run") == 1
    bot.sign_up(1, seconds(10))
    bot.run()
    assert bot.database.value("SELECT count(*) FROM ghostwatch.check_run") == 2
    bot.pass_time(minutes(1))
    bot.run()
    assert bot.database.value("SELECT count(*) FROM ghostwatch.check_run") == 3


def test_runs_every_second_are_recent_runs(bot: Bot) -> None:
    """Though what is on record of them is up to a minute old."""
    bot.database.execute("SELECT ghostwatch.set_setting('check_period', '1 second')")
    bot.run()
    bot.pass_time(seconds(50))
    bot.run()
    assert bot.database.rows("SELECT verdict FROM ghostwatch.doctor() WHERE check_name = 'check runs'") == [("ok",)]


# A run that stays, on the server's own clock.


class Stay:
    """A session whose run stays for an hour."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.session = database.connect()
        self.pid = self.session.info.backend_pid
        self.pool = ThreadPoolExecutor(1)
        self.result: Future[Any] = self.pool.submit(
            self.session.execute, "CALL ghostwatch.run_checks(stay_for => '1 hour')"
        )
        self.wait_for(self.waits)

    def waits(self) -> bool:
        """Whether it waits for something to be due."""
        return bool(self.activity("wait_event") == "PgSleep")

    def activity(self, column: LiteralString) -> Any:
        """A column of its line in pg_stat_activity."""
        return self.database.value("SELECT " + column + " FROM pg_stat_activity WHERE pid = %s", self.pid)

    def wait_for(self, happened: Callable[[], bool]) -> None:
        """Returns as soon as it has happened, while the run stays."""
        deadline = time.monotonic() + 60
        while not happened():
            assert time.monotonic() < deadline
            assert not self.result.done(), self.result.exception()
            time.sleep(0.02)


@pytest.fixture
def live(database: Database) -> Database:
    """A contract with a deadline of a second, checked by the server's clock."""
    database.execute(
        """
        CREATE TABLE person (id bigint PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT clock_timestamp());
        CREATE INDEX ON person (created_at);
        CREATE TABLE greeting (person_id bigint PRIMARY KEY);
        """
    )
    database.execute("SELECT ghostwatch.declare_contract('person', 'person')")
    database.execute(
        "SELECT ghostwatch.declare_invariant('person', 'greeted', 'greeting', 'person_id', warn_after => '1 second')"
    )
    return database


def test_a_run_that_stays_checks_what_becomes_due(live: Database) -> None:
    stay = Stay(live)
    for key in (1, 2):
        live.execute("INSERT INTO person VALUES (%s)", key)
        stay.wait_for(lambda key=key: live.value("SELECT count(*) FROM ghostwatch.violation") == key)  # type: ignore[misc]
    live.execute("SELECT ghostwatch.pause()")
    stay.result.result(60)


END_OF_STAY: dict[str, LiteralString] = {
    "pause": "SELECT ghostwatch.pause()",
    "maintenance": "SELECT ghostwatch.maintenance('20 minutes', 'release')",
    "setting": "SELECT ghostwatch.set_setting('exact_deadlines', 'false')",
    "upgrade": "UPDATE ghostwatch.installation SET version = '9.9.9'",
}


@pytest.mark.parametrize("end", END_OF_STAY)
def test_what_ends_the_stay(live: Database, end: str) -> None:
    """An hour is not waited for."""
    stay = Stay(live)
    live.execute(END_OF_STAY[end])
    stay.result.result(60)


def test_a_cancelled_stay_ends_at_once(live: Database) -> None:
    stay = Stay(live)
    live.execute("SELECT pg_cancel_backend(%s)", stay.pid)
    with pytest.raises(psycopg.errors.QueryCanceled):
        stay.result.result(60)


def test_a_run_does_not_stay_where_it_must_not(live: Database) -> None:
    """Paused or switched off, it ends at once; and a timeout of statements ends the stay, not the check."""
    live.execute("SELECT ghostwatch.set_setting('exact_deadlines', 'false')")
    live.execute("CALL ghostwatch.run_checks(stay_for => '1 hour')")
    live.execute("SELECT ghostwatch.reset_setting('exact_deadlines')")
    live.execute("SET statement_timeout = '2s'")
    live.execute("CALL ghostwatch.run_checks(stay_for => '1 hour')")


@pytest.mark.parametrize("period", ["0 seconds", "-1 minute", "2 hours", "1 month"])
def test_a_period_that_none_is(live: Database, period: str) -> None:
    with pytest.raises(psycopg.Error) as caught:
        live.execute("CALL ghostwatch.run_checks(stay_for => %s)", period)
    assert caught.value.sqlstate == "GW062"


def test_vacuum_does_not_wait_for_a_stay(live: Database) -> None:
    """No snapshot outlives a slice of the wait: the oldest one passes whatever transaction has just ended."""
    stay = Stay(live)
    for _ in range(3):
        ended = live.value("SELECT pg_current_xact_id()::text::bigint")
        stay.wait_for(
            lambda ended=ended: (  # type: ignore[misc]
                stay.waits()
                and (stay.activity("backend_xmin::text::bigint") or ended + 1) > ended
                and stay.activity("backend_xid") is None
            )
        )
    live.execute("SELECT ghostwatch.pause()")
    stay.result.result(60)


def test_runs_beside_a_stay(live: Database) -> None:
    """Any number of runs may overlap with it; nobody is counted twice."""
    stay = Stay(live)
    live.execute("INSERT INTO person SELECT g FROM generate_series(1, 20) AS g")
    stay.wait_for(lambda: live.value("SELECT count(*) FROM ghostwatch.violation") == 20)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: live.connect().execute("CALL ghostwatch.run_checks()"), range(4)))
    assert live.rows("SELECT sum(due)::int, sum(violations)::int FROM ghostwatch.branch_minute") == [(20, 20)]
    live.execute("SELECT ghostwatch.pause()")
    stay.result.result(60)
