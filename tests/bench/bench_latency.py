"""From the instant a user's age crosses the deadline to the request at the Bot API, and what the runs cost.

The sidecar makes the runs. Each sample is a user of a contract of its own, told in a chat of its own, and their
deadlines are spread evenly over one period: so even runs every minute are sampled within two, and no time is injected.
(A run that checks so many contracts takes some hundredths of a second.) Sizes: SAMPLES (20), IDLE_SECONDS (20).
Other ways, for comparison, were measured at a median of 24 s (a workflow engine every minute), 57 s (metrics and an
alert manager as usually set up), and 2.5 s for 1.65 % of a core (the same at their fastest).
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg

from scripts.build import build
from tests.sidecar.process import Sidecar, environment_for
from tests.support.cluster import Cluster
from tests.support.fake_telegram import FakeTelegram

SAMPLES = int(os.environ.get("SAMPLES", "20"))
IDLE_SECONDS = float(os.environ.get("IDLE_SECONDS", "20"))
DEADLINE = 2.0
PERIODS = {"1m": 60.0, "5s": 5.0, "1s": 1.0}


def main() -> None:
    """One period after the other, each with a server and a sidecar of its own."""
    build()
    print(f"From the deadline to the request at the Bot API ({SAMPLES} users, their deadlines spread over one period),")
    print("and the processor time on an idle bot with one contract: of the runs, and of the sidecar that makes them:")
    for every, period in PERIODS.items():
        with tempfile.TemporaryDirectory() as directory, Cluster() as cluster, FakeTelegram() as telegram:
            cluster.create_database("bot")
            with cluster.connect("bot") as connection:
                prepare(connection)
                environment = environment_for(telegram) | {"GHOSTWATCH_RUN_CHECKS_EVERY": every}
                with Sidecar(cluster.dsn("bot"), Path(directory) / "log", environment) as sidecar:
                    sidecar.wait_until_it_says("NOTIFY wakes")
                    runs, itself = processor_shares(connection, sidecar, max(period, IDLE_SECONDS))
                    delays = sample_delays(connection, telegram, period)
        print(
            f"runs every {every}: median {statistics.median(delays):6.2f} s"
            f" ({min(delays):5.2f} to {max(delays):5.2f}), {runs:.2%} of a core and {itself:.2%}",
            flush=True,
        )
    print("aim with runs every second: a median of 1 s, 0.5 % of a core")


def prepare(connection: psycopg.Connection[Any]) -> None:
    """A bot, and a contract whose deadline comes soon."""
    connection.execute(
        """
        CREATE EXTENSION ghostwatch;
        CREATE TABLE person (id bigint PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT clock_timestamp());
        CREATE INDEX ON person (created_at);
        CREATE TABLE greeting (person_id bigint PRIMARY KEY);
        """
    )
    declare(connection, 1)


def declare(connection: psycopg.Connection[Any], number: int) -> None:
    """A contract that judges one person only, and a chat that is alerted."""
    name = f"person {number}"
    connection.execute(
        "SELECT ghostwatch.declare_contract(%s, 'person', exempt_predicate => %s)", [name, f"s.id <> {number}"]
    )
    connection.execute(
        "SELECT ghostwatch.declare_invariant(%s, 'greeted', 'greeting', 'person_id', warn_after => %s)",
        [name, f"{DEADLINE} seconds"],
    )
    connection.execute("SELECT ghostwatch.add_channel(%s, %s, contracts => ARRAY[%s])", [name, number, name])


def sample_delays(connection: psycopg.Connection[Any], telegram: FakeTelegram, period: float) -> list[float]:
    """Users sign up one after the other and get no greeting; seconds from each one's deadline to the message."""
    for number in range(2, SAMPLES + 1):
        declare(connection, number)
    due_at = {}
    begin = time.monotonic()
    for number in range(1, SAMPLES + 1):
        time.sleep(max(0, begin + period * (number - 0.5) / SAMPLES - time.monotonic()))
        due_at[number] = time.monotonic() + DEADLINE
        connection.execute("INSERT INTO person (id) VALUES (%s)", [number])
    telegram.wait_for(lambda: due_at.keys() <= {sent.chat_id for sent in telegram.sent()}, period + DEADLINE + 30)
    return [telegram.sent(number)[0].at - due for number, due in due_at.items()]


def processor_shares(connection: psycopg.Connection[Any], sidecar: Sidecar, seconds: float) -> tuple[float, float]:
    """The shares of a core that the session which makes the runs, and the sidecar, use while nothing happens."""
    session = "SELECT pid FROM pg_stat_activity WHERE query = 'CALL ghostwatch.run_checks()'"
    sidecar.wait_until(lambda: connection.execute(session).fetchone() is not None)
    ((pid,),) = connection.execute(session).fetchall()
    time.sleep(1)
    before = processor_seconds(pid), processor_seconds(sidecar.process.pid)
    time.sleep(seconds)
    after = processor_seconds(pid), processor_seconds(sidecar.process.pid)
    return (after[0] - before[0]) / seconds, (after[1] - before[1]) / seconds


def processor_seconds(pid: int) -> float:
    """The processor time of a process; of the sidecar's threads, that of the first, which does the work."""
    return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9


if __name__ == "__main__":
    main()
