"""The server is killed in the middle of runs, again and again."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import psycopg
import pytest

from scripts.build import build
from scripts.cluster import Cluster
from tests.database import Database
from tests.detection.bot import Bot, minutes

CRASHES = 100


@pytest.fixture
def durable_bot() -> Iterator[Bot]:
    """A bot on a server of its own that, other than the usual one, keeps what it commits."""
    build()
    settings = {
        "fsync": "on",
        "full_page_writes": "on",
        # Recovery would else sync file by file, which is most of what it does.
        "recovery_init_sync_method": "syncfs",
        "log_min_messages": "panic",
    }
    with Cluster(settings=settings) as cluster:
        cluster.create_database("bot")
        cluster.execute("CREATE EXTENSION ghostwatch", "bot")
        database = Database(cluster, "bot", "extension")
        bot = Bot.create(database)
        bot.declare(watch_for=minutes(10 * CRASHES))
        yield bot


def run_until_it_dies(runner: psycopg.Connection[Any]) -> None:
    """Runs checks until the server goes away."""
    with suppress(psycopg.OperationalError):
        while True:
            runner.execute("CALL ghostwatch.run_checks()")


def connect_again(bot: Bot, now: datetime, signups: Sequence[tuple[int, datetime]] = ()) -> psycopg.Connection[Any]:
    """A session with its clock set, and signups that are committed for good, as soon as the server has recovered."""
    while True:
        with suppress(psycopg.OperationalError):
            session = psycopg.connect(
                bot.database.dsn, autocommit=True, options=f"-c ghostwatch.clock={now.isoformat()}"
            )
            for signup in signups:
                session.execute('INSERT INTO "user" (id, created_at) VALUES (%s, %s) ON CONFLICT DO NOTHING', signup)
            session.execute(
                """
                INSERT INTO user_meme_reaction
                SELECT id, 1 FROM "user" WHERE id %% 2 = 0 AND id >= %s ON CONFLICT DO NOTHING
                """,
                [min((key for key, _ in signups), default=0)],
            )
            return session
        time.sleep(0.01)


@pytest.mark.own_server
@pytest.mark.timeout(600)
def test_a_hundred_crashes(durable_bot: Bot) -> None:
    """After each recovery the state is consistent; in the end nobody is missed or counted twice."""
    bot = durable_bot
    chance = random.Random(4)
    ghosts: set[str] = set()
    now = bot.now
    bot.database.connection.close()

    for crash in range(CRASHES):
        now += minutes(1)
        keys = range(crash * 10, crash * 10 + 10)
        runner = connect_again(bot, now, [(key, now - minutes(1) * chance.random()) for key in keys])
        ghosts |= {str(key) for key in keys if key % 2}
        running = threading.Thread(target=run_until_it_dies, args=[runner])
        running.start()
        time.sleep(chance.uniform(0, 0.05))
        os.kill(runner.info.backend_pid, signal.SIGKILL)
        running.join()
        runner.close()

    survivor = connect_again(bot, now + minutes(2))
    survivor.execute("CALL ghostwatch.run_checks()")
    rows = survivor.execute("SELECT subject_key FROM ghostwatch.violation WHERE state IN ('warn', 'error')").fetchall()
    assert {key for (key,) in rows} == ghosts
    assert survivor.execute("SELECT sum(matured), sum(ghosts) FROM ghostwatch.branch_minute").fetchone() == (
        CRASHES * 10,
        len(ghosts),
    )
    # (Where three crashes in a row left no run whole, it was told as well that the checks had stopped.)
    alerts = survivor.execute("SELECT kind FROM ghostwatch.alert WHERE kind <> 'checks_stopped'").fetchall()
    assert alerts == [("violations",)]
    survivor.close()
