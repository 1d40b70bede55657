"""The server crashes in the middle of runs, again and again."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest

from scripts.build import build
from tests.detect.bot import MILLISECOND, NOON, Bot, minutes
from tests.support.database import Database
from tests.support.own_server import OwnServer, own_server

CRASHES = 100
STEP = timedelta(seconds=5)


@pytest.fixture
def server() -> Iterator[OwnServer]:
    """A server of its own. The system under it survives, so what it wrote is there without being synced."""
    build()
    with own_server(settings={"log_min_messages": "panic"}) as started:
        started.create_database("bot")
        started.execute("CREATE EXTENSION ghostwatch", "bot")
        yield started


class Life:
    """From one start of the server to its crash: people sign up and runs are made, without a pause."""

    def __init__(self, server: OwnServer, chance: random.Random, key: int, now: timedelta) -> None:
        self.key = key
        self.now = now
        self.acknowledged: list[int] = []
        self.ended_in_a_run = False
        self.finished_runs = 0
        self._chance = chance
        self._session = server.connect("bot")
        self._thread = threading.Thread(target=self._go_on_until_the_crash)
        self._thread.start()

    def end(self) -> None:
        """Waits for it to notice the crash."""
        self._thread.join()
        self._session.close()

    def _go_on_until_the_crash(self) -> None:
        try:
            while True:
                self.now += STEP
                self._sign_up()
                self._run()
        except psycopg.OperationalError:
            return

    def _sign_up(self) -> None:
        """One gets a first meme, the next one does not."""
        self.key += 1
        self._session.execute(
            """
            WITH born AS (INSERT INTO "user" (id, created_at) VALUES (%s, %s) RETURNING id)
            INSERT INTO user_meme_reaction SELECT id, 1 FROM born WHERE id %% 2 = 0
            """,
            [self.key, NOON + self.now - minutes(2) * self._chance.random()],
        )
        self.acknowledged.append(self.key)

    def _run(self) -> None:
        self._session.execute("SELECT set_config('ghostwatch.clock', %s, false)", [str(NOON + self.now)])
        self.ended_in_a_run = True
        self._session.execute("CALL ghostwatch.run_checks()")
        self.ended_in_a_run = False
        self.finished_runs += 1


def assert_consistent(bot: Bot) -> None:
    """Everybody up to the watermark was judged, and whoever was judged is counted once and for what they are."""
    database = bot.database
    judged = {
        key
        for (key,) in database.rows(
            """
            SELECT u.id::text FROM "user" AS u, ghostwatch.check_progress AS p WHERE u.created_at <= p.watermark
            UNION SELECT unnest(j.subject_keys) FROM ghostwatch.checked_ahead AS j
            """
        )
    }
    ghosts = {key for key in judged if int(key) % 2}
    assert bot.counts() == (len(judged), len(ghosts))
    assert bot.states().keys() == ghosts


@pytest.mark.once
@pytest.mark.timeout(600)
def test_a_hundred_crashes(server: OwnServer) -> None:
    """After each recovery the state is consistent; in the end nobody was missed, counted or told twice."""
    bot = Bot.create(Database(server, "bot", "extension"))
    bot.declare()
    bot.database.execute("SELECT ghostwatch.add_channel('admins', 1)")
    chance = random.Random(4)
    key, now, acknowledged, in_a_run = 0, minutes(0), set[int](), 0

    for _ in range(CRASHES):
        bot.database.connection.close()
        life = Life(server, chance, key, now)
        # However slow the machine is, some lives see a whole run, or the checks would count as stopped.
        enough_runs = chance.randrange(3)
        while life.finished_runs < enough_runs:
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.1))
        server.stop("immediate")
        life.end()
        server.start()
        bot = Bot(Database(server, "bot", "extension"))
        assert_consistent(bot)
        key, now = life.key, life.now
        acknowledged |= set(life.acknowledged)
        in_a_run += life.ended_in_a_run

    assert in_a_run > CRASHES / 4
    everybody = {key for (key,) in bot.database.rows('SELECT id FROM "user"')}
    assert everybody >= acknowledged

    bot.now = NOON + now
    bot.run_every_minute(minutes(3))
    assert_consistent(bot)
    assert bot.progress("watermark") == bot.now - minutes(2) - MILLISECOND / 1000
    assert bot.counts()[0] == len(everybody)
    # One incident all the time, told once.
    assert bot.database.rows("SELECT kind FROM ghostwatch.alert") == [("violations",)]
    assert bot.database.rows(
        "SELECT reason, count(*) FROM ghostwatch.notification"
        " WHERE reason IN ('opened', 'escalated', 'resolved') GROUP BY 1 ORDER BY 1"
    ) == [("escalated", 1), ("opened", 1)]
    bot.database.connection.close()
