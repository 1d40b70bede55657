"""From the instant a user's age crosses the deadline to the request at the Bot API, and what the checks cost.

A minute job without a look ahead is compared with checks exactly when something is due, which the sidecar makes between
its runs, or a run that stays for its minute, as pg_cron's job does. Users come one after another and get no greeting;
their deadlines are spread evenly over one period, and no time is injected. Each one is a new message, or an edit of it.
BACKGROUND more users sign up per minute meanwhile and get their greeting at once.
Sizes: SAMPLES (20), PERIOD (60 seconds), BACKGROUND (2000), IDLE_SECONDS (20).
Other ways, for comparison, were measured at a median of 24 s (a workflow engine every minute), 57 s (metrics and an
alert manager as usually set up), and 2.5 s for 1.65 % of a core (the same at their fastest).
"""

from __future__ import annotations

import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from scripts.build import build
from tests.sidecar.process import Sidecar, environment_for
from tests.support.cluster import Cluster
from tests.support.fake_telegram import FakeTelegram

SAMPLES = int(os.environ.get("SAMPLES", "20"))
PERIOD = float(os.environ.get("PERIOD", "60"))
BACKGROUND = int(os.environ.get("BACKGROUND", "2000"))
IDLE_SECONDS = float(os.environ.get("IDLE_SECONDS", "20"))
DEADLINE = 5.0
WAYS = {
    "a run each minute": "minute",
    "exact, by the sidecar": "sidecar",
    "exact, by a run that stays": "stay",
}


def main() -> None:
    """One way after the other, each with a server and a sidecar of its own."""
    build()
    print(f"From the deadline to the request at the Bot API ({SAMPLES} users spread over {PERIOD:g} s), and the")
    print("processor time of the session that checks, as a share of a core:")
    for name, way in WAYS.items():
        for background in (0, BACKGROUND):
            delays, idle, busy = measure(way, background)
            print(
                f"{name:27} {background:5}/min: median {statistics.median(delays):7.3f} s,"
                f" slowest {max(delays):7.3f} s; {idle:.2%} idle, {busy:.2%} meanwhile",
                flush=True,
            )
    print(
        "aim of the exact ones: a median of 0.03 s, 0.1 s in 99 of 100,"
        " 0.1 % of a core idle and 0.5 % at 2,000 a minute"
    )


def measure(way: str, background: int) -> tuple[list[float], float, float]:
    """The delays of one way, and its share of a core without and with signups."""
    with tempfile.TemporaryDirectory() as directory, Cluster() as cluster, FakeTelegram() as telegram:
        cluster.create_database("bot")
        with cluster.connect("bot") as connection:
            prepare(connection, exact=way != "minute")
            environment = environment_for(telegram)
            if way != "stay":
                environment |= {"GHOSTWATCH_RUN_CHECKS_EVERY": "1m"}
            with Sidecar(cluster.dsn("bot"), Path(directory) / "log", environment) as sidecar:
                sidecar.wait_until_it_says("NOTIFY wakes")
                with staying(cluster) if way == "stay" else checking_session(connection, sidecar) as pid:
                    time.sleep(2)
                    idle = share_of_a_core(pid, lambda: time.sleep(IDLE_SECONDS))
                    delays: list[float] = []
                    with signups(cluster, background):
                        busy = share_of_a_core(pid, lambda: delays.extend(sample_delays(connection, telegram)))
    return delays, idle, busy


def prepare(connection: psycopg.Connection[Any], *, exact: bool) -> None:
    """A bot, a contract whose deadline comes soon, and a chat that every change is told in at once."""
    connection.execute(
        """
        CREATE EXTENSION ghostwatch;
        CREATE TABLE person (id bigint PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT clock_timestamp());
        CREATE INDEX ON person (created_at);
        CREATE TABLE greeting (person_id bigint PRIMARY KEY);
        SELECT ghostwatch.declare_contract('person', 'person');
        SELECT ghostwatch.add_channel('admins', 1);
        SELECT ghostwatch.set_setting('update_interval', '0'), ghostwatch.set_setting('chat_interval', '0');
        """
    )
    connection.execute("SELECT ghostwatch.set_setting('exact_deadlines', %s)", [str(exact)])
    connection.execute(
        "SELECT ghostwatch.declare_invariant('person', 'greeted', 'greeting', 'person_id', warn_after => %s)",
        [f"{DEADLINE} seconds"],
    )


@contextmanager
def checking_session(connection: psycopg.Connection[Any], sidecar: Sidecar) -> Iterator[int]:
    """The session in which the sidecar checks."""
    session = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE '%(checks)'"
    sidecar.wait_until(lambda: connection.execute(session).fetchone() is not None)
    ((pid,),) = connection.execute(session).fetchall()
    yield pid


@contextmanager
def staying(cluster: Cluster) -> Iterator[int]:
    """A session that starts a run each minute, as pg_cron does."""
    stops = threading.Event()

    def work() -> None:
        while not stops.is_set():
            runner.execute("CALL ghostwatch.run_checks(stay_for => '1 minute')")

    with cluster.connect("bot") as runner, cluster.connect("bot") as other:
        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield runner.info.backend_pid
        finally:
            stops.set()
            other.execute("SELECT ghostwatch.pause()")
            thread.join()


@contextmanager
def signups(cluster: Cluster, per_minute: int) -> Iterator[None]:
    """Users that are greeted at once, evenly."""
    stops = threading.Event()

    def work() -> None:
        began = time.monotonic()
        number = 0
        with cluster.connect("bot") as connection:
            while per_minute and not stops.wait(max(0, began + number * 60 / per_minute - time.monotonic())):
                number += 1
                connection.execute(
                    "WITH p AS (INSERT INTO person VALUES (%s) RETURNING id) INSERT INTO greeting SELECT id FROM p",
                    [1_000_000 + number],
                )

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stops.set()
        thread.join()


def sample_delays(connection: psycopg.Connection[Any], telegram: FakeTelegram) -> list[float]:
    """Users get no greeting; seconds from each one's deadline to the next request."""
    due_at = []
    begin = time.monotonic()
    for number in range(1, SAMPLES + 1):
        time.sleep(max(0, begin + PERIOD * (number - 0.5) / SAMPLES - time.monotonic()))
        due_at.append(time.monotonic() + DEADLINE)
        connection.execute("INSERT INTO person (id) VALUES (%s)", [number])

    def requests() -> list[float]:
        return sorted(request.at for request in (*telegram.sent(), *telegram.edited()))

    telegram.wait_for(lambda: bool(requests()) and requests()[-1] >= due_at[-1], 2 * PERIOD + 30)
    return [next(at for at in requests() if at >= due) - due for due in due_at]


def share_of_a_core(pid: int, act: Any) -> float:
    """What a process used of a core while something was done."""
    began, before = time.monotonic(), processor_seconds(pid)
    act()
    return (processor_seconds(pid) - before) / (time.monotonic() - began)


def processor_seconds(pid: int) -> float:
    """The processor time of a process."""
    return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9


if __name__ == "__main__":
    main()
