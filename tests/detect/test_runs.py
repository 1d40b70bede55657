"""Runs that overlap, and invariants that fail beside others that do not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import LiteralString

import psycopg
import pytest

from tests.detect.bot import Bot, minutes
from tests.support.database import Database


def test_twenty_runs_at_once(bot: Bot) -> None:
    """Each violation is opened once, the alert once, and the counts are exact."""
    bot.database.execute("SELECT ghostwatch.set_setting('batch_size', '50')")
    bot.declare_invariant(name="second_meme", predicate="r.meme_id = 2")
    for key in range(300):
        bot.sign_up(key, minutes(2))
        if key % 3 == 0:
            bot.get_meme(key)
    sessions = [bot.database.connect() for _ in range(20)]
    with ThreadPoolExecutor(20) as pool:
        for finished in [pool.submit(session.execute, "CALL ghostwatch.run_checks()") for session in sessions]:
            finished.result()

    assert bot.database.rows("SELECT invariant_id, count(*) FROM ghostwatch.violation GROUP BY 1 ORDER BY 1") == [
        (1, 200),
        (2, 300),
    ]
    assert bot.counts() == (600, 500)
    assert bot.database.value("SELECT sum(judged) FROM ghostwatch.check_run") == 600
    assert bot.database.value("SELECT sum(opened) FROM ghostwatch.check_run") == 500
    assert bot.database.value("SELECT count(*) FROM ghostwatch.alert") == 2


@pytest.fixture
def neighbours(database: Database) -> Bot:
    """A bot with one invariant that will fail, and one that will not."""
    bot = Bot.create(database)
    bot.declare_contract()
    database.execute("CREATE TABLE greeting (user_id bigint, score integer); CREATE INDEX ON greeting (user_id)")
    bot.declare_invariant(name="greeting", related="greeting", predicate="10 / r.score > 1")
    bot.declare_invariant()
    bot.sign_up(1, minutes(2))
    database.execute("INSERT INTO greeting VALUES (1, 0)")
    return bot


def failing_alerts(bot: Bot) -> list[tuple[str, str]]:
    """Invariant and state of each alert about a check that fails."""
    return bot.database.rows("SELECT invariant, state FROM ghostwatch.alert WHERE kind = 'check_failing' ORDER BY 1")


def test_a_predicate_that_divides_by_zero(neighbours: Bot) -> None:
    """Costs only itself; its failure is an alert, which resolves when it works again, and nobody was missed."""
    neighbours.run_every_minute(minutes(6))

    assert neighbours.database.rows(
        "SELECT i.name, v.state FROM ghostwatch.violation v JOIN ghostwatch.invariant i USING (invariant_id) ORDER BY 1"
    ) == [("first_meme", "error"), ("greeting", "exempt")]
    assert failing_alerts(neighbours) == [("greeting", "firing")]
    since, last_error, state = neighbours.database.rows(
        "SELECT failing_since, last_error, last_error_state FROM ghostwatch.check_progress WHERE last_error IS NOT NULL"
    )[0]
    assert (since, state) == (neighbours.now - minutes(5), "GW024")
    assert last_error == "1 subject cannot be judged, since an expression fails: 1"

    neighbours.database.execute("UPDATE greeting SET score = 100")
    neighbours.run()
    assert failing_alerts(neighbours) == [("greeting", "resolved")]
    assert len(neighbours.states()) == 1
    assert neighbours.database.value("SELECT count(*) FROM ghostwatch.violation") == 2


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        ("DROP TABLE greeting", "was dropped"),
        ("ALTER TABLE greeting DROP COLUMN user_id", "does not exist"),
        ("ALTER TABLE greeting RENAME COLUMN score TO points", "does not exist"),
    ],
)
def test_a_related_table_that_changes(neighbours: Bot, harm: LiteralString, message: str) -> None:
    """The others are checked, and the error says what is wrong."""
    neighbours.database.execute(harm)
    neighbours.run()
    assert failing_alerts(neighbours) == [("greeting", "firing")]
    assert message in neighbours.database.value(
        "SELECT last_error FROM ghostwatch.check_progress WHERE last_error IS NOT NULL"
    )
    assert neighbours.states() == {"1": "warn"}


def test_a_subject_table_that_is_dropped(neighbours: Bot) -> None:
    """Runs go on and end well; the contract can be dropped."""
    neighbours.database.execute('DROP TABLE "user"')
    neighbours.run()
    neighbours.run()
    assert failing_alerts(neighbours) == [("first_meme", "firing"), ("greeting", "firing")]

    neighbours.database.execute("SELECT ghostwatch.drop_contract('onboarding')")
    assert failing_alerts(neighbours) == [("first_meme", "resolved"), ("greeting", "resolved")]


def test_a_permission_that_is_lost(neighbours: Bot) -> None:
    """Likewise: the owner may no longer read the table."""
    neighbours.database.execute("DROP ROLE IF EXISTS detection_reader; CREATE ROLE detection_reader LOGIN")
    try:
        neighbours.database.execute(
            """
            SELECT ghostwatch.drop_contract('onboarding'); SELECT ghostwatch.grant_operator('detection_reader');
            GRANT SELECT ON "user", greeting, user_meme_reaction TO detection_reader;
            """
        )
        reader = neighbours.database.connect("detection_reader")
        reader.execute("SELECT ghostwatch.declare_contract('read', '\"user\"')")
        for table in ("greeting", "user_meme_reaction"):
            reader.execute(
                "SELECT ghostwatch.declare_invariant('read', %s, %s, 'user_id', warn_after => '1 minute')",
                [table, table],
            )
        neighbours.database.execute("REVOKE SELECT ON greeting FROM detection_reader")
        reader.execute("CALL ghostwatch.run_checks()")
        assert failing_alerts(neighbours) == [("greeting", "firing")]
        assert neighbours.states() == {"1": "warn"}
        reader.close()
    finally:
        neighbours.database.execute("DROP OWNED BY detection_reader CASCADE; DROP ROLE detection_reader")


def test_a_check_that_runs_too_long(neighbours: Bot) -> None:
    """statement_timeout is a run's budget: the check that used it up is recorded, and comes last in the next run."""
    neighbours.declare_invariant(name="greeting", related="greeting", predicate="pg_sleep(60) IS NOT NULL")
    runner = neighbours.database.connect()
    runner.execute("SELECT set_config('ghostwatch.clock', %s, false)", [str(neighbours.now)])
    runner.execute("SET statement_timeout = '500ms'")
    for _ in range(2):
        with pytest.raises(psycopg.errors.QueryCanceled):
            runner.execute("CALL ghostwatch.run_checks()")

    assert failing_alerts(neighbours) == [("greeting", "firing")]
    assert neighbours.states() == {"1": "warn"}
    assert neighbours.database.value("SELECT sum(failures) FROM ghostwatch.check_run") == 2


def test_a_table_that_is_locked(neighbours: Bot) -> None:
    """A check waits for a lock only so long; that it waits is an alert after three periods."""
    neighbours.database.execute("SELECT ghostwatch.set_setting('lock_wait', '50 milliseconds')")
    migration = neighbours.database.connect(autocommit=False)
    migration.execute("LOCK greeting")
    neighbours.run()
    assert failing_alerts(neighbours) == []
    assert neighbours.states() == {"1": "warn"}
    neighbours.run_every_minute(minutes(3))
    assert failing_alerts(neighbours) == [("greeting", "firing")]
    migration.rollback()


@pytest.mark.parametrize(
    ("obstacle", "alerts"),
    [
        ("kind = 'check_failing' OR invariant <> 'greeting'", [("greeting", "firing")]),
        ("invariant <> 'greeting'", []),
    ],
    ids=["and it can be told", "and it cannot"],
)
def test_alerts_that_cannot_be_decided(neighbours: Bot, obstacle: LiteralString, alerts: list[tuple[str, str]]) -> None:
    """Costs that invariant only: its check has failed, and is made up for when it works again."""
    database = neighbours.database
    database.execute("DELETE FROM greeting; SELECT ghostwatch.set_setting('batch_size', '1')")
    neighbours.sign_up(2, minutes(2))
    database.execute("ALTER TABLE ghostwatch.alert ADD CONSTRAINT obstacle CHECK (" + obstacle + ")")
    neighbours.run()
    neighbours.run()
    assert failing_alerts(neighbours) == alerts
    assert database.rows(
        "SELECT i.name, p.last_error_state FROM ghostwatch.check_progress AS p"
        " INNER JOIN ghostwatch.invariant AS i USING (invariant_id) ORDER BY 1"
    ) == [("first_meme", None), ("greeting", "23514")]
    assert database.rows("SELECT checks, failures, opened FROM ghostwatch.check_run") == [(3, 1, 2), (2, 1, 0)]

    database.execute("ALTER TABLE ghostwatch.alert DROP CONSTRAINT obstacle")
    neighbours.run()
    assert failing_alerts(neighbours) == [(name, "resolved") for name, _ in alerts]
    assert neighbours.counts() == (4, 4)


def test_paused(bot: Bot) -> None:
    """While paused, runs do nothing."""
    bot.sign_up(1, minutes(2))
    bot.database.execute("SELECT ghostwatch.pause()")
    bot.run()
    assert bot.states() == {}
    bot.database.execute("SELECT ghostwatch.resume()")
    bot.run()
    assert bot.states() == {"1": "warn"}
