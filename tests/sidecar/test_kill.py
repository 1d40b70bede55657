"""Sidecars are killed at random points, and nothing is lost."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import random
import time
from collections import Counter
from multiprocessing.process import BaseProcess

import pytest

from ghostwatch.settings import Settings
from tests.sidecar.process import Outbox, environment_for
from tests.support.database import Database
from tests.support.fake_telegram import FakeTelegram

KILLS = 200
CHATS = 25
# Real processes that need not import everything anew two hundred times.
FORKS = multiprocessing.get_context("forkserver")


def run_sidecar(settings: Settings) -> None:
    """What `ghostwatch notify` runs, silently."""
    from ghostwatch.notifier.service import notify

    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    notify(lambda: [settings], to_terminal=False)


@pytest.mark.timeout(240)
def test_two_hundred_kills_of_three_sidecars(outbox: Outbox, database: Database, telegram: FakeTelegram) -> None:
    """Each message arrives at least once, and at most one per kill arrives twice."""
    FORKS.set_forkserver_preload(["ghostwatch.notifier.service", "telegram", "telegram.request", "httpx"])
    chance = random.Random(6)
    numbers = itertools.count(1)
    for number in range(CHATS):
        outbox.add_channel(f"channel_{number}", -1000 - number)
    environment = environment_for(telegram, poll_every="200ms", lease="3s", log_format="text")

    def start() -> BaseProcess:
        named = environment | {"GHOSTWATCH_WORKER": f"worker-{next(numbers)}"}
        settings = Settings.from_environment(named, dsn=database.dsn)
        process = FORKS.Process(target=run_sidecar, args=(settings,), daemon=True)
        process.start()
        return process

    sidecars = [start() for _ in range(3)]
    alerts: list[int] = []
    try:
        for kill in range(KILLS):
            if kill % 8 == 0:
                alerts.append(outbox.open_alert(f"invariant_{kill}"))
            time.sleep(chance.uniform(0.02, 0.2))
            victim = chance.randrange(3)
            sidecars[victim].kill()
            sidecars[victim].join()
            sidecars[victim] = start()
        telegram.wait_for(lambda: outbox.waiting() == 0, seconds=60)
    finally:
        for process in sidecars:
            process.kill()
            process.join()

    arrived = Counter((request.chat_id, int(request.text.rsplit("alert ", 1)[1])) for request in telegram.sent())
    assert set(arrived) == {(-1000 - number, alert) for number in range(CHATS) for alert in alerts}
    assert sum(arrived.values()) - len(arrived) <= KILLS
    for number in range(CHATS):
        order = [int(r.text.rsplit("alert ", 1)[1]) for r in telegram.sent(-1000 - number)]
        assert list(dict.fromkeys(order)) == alerts
