"""An upgrade and a check run never meet half way."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg

from tests.detect.bot import Bot, minutes
from tests.support.database import Database


def wait_until_blocked(observer: psycopg.Connection[Any], pid: int) -> None:
    """Waits until a session waits for a lock."""
    while observer.execute("SELECT pg_blocking_pids(%s) = '{}'", [pid]).fetchone() == (True,):
        pass


def test_a_run_ends_where_an_upgrade_begins(database: Database) -> None:
    """The upgrade waits for the invariant under way; the run leaves the others to the next run."""
    bot = Bot.create(database)
    bot.declare()
    bot.declare_invariant(name="second_meme", predicate="r.meme_id = 2")
    bot.sign_up(1, minutes(6))
    runner, upgrader, blocker = (database.connect(autocommit=autocommit) for autocommit in (True, False, False))
    database.set_clock(bot.now)

    with ThreadPoolExecutor(2) as pool:
        blocker.execute('LOCK TABLE "user"')
        running = pool.submit(runner.execute, "CALL ghostwatch.run_checks()")
        wait_until_blocked(database.connection, runner.info.backend_pid)
        upgrading = pool.submit(upgrader.execute, "LOCK TABLE ghostwatch.installation IN ACCESS EXCLUSIVE MODE")
        wait_until_blocked(database.connection, upgrader.info.backend_pid)
        blocker.rollback()
        upgrading.result()
        wait_until_blocked(database.connection, runner.info.backend_pid)
        upgrader.execute("UPDATE ghostwatch.installation SET version = 'another'")
        upgrader.commit()
        running.result()

    checked = "SELECT count(*) FROM ghostwatch.check_progress WHERE last_success_at IS NOT NULL"
    assert database.value(checked) == 1
    bot.run()
    assert database.value(checked) == 1, "functions of one version do not run on the tables of another"
