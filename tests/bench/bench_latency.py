"""From the instant a user's age crosses the deadline to the request at the Bot API, and what the runs cost.

The sidecar makes the runs. Sizes: SAMPLES (10) for each period but the minute, MINUTE_SAMPLES (2), IDLE_SECONDS (20).
Other ways, for comparison, were measured at a median of 24 s (a workflow engine every minute), 57 s (metrics and an
alert manager as usually set up), and 2.5 s for 1.65 % of a core (the same at their fastest).
"""

from __future__ import annotations

import os
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg

from scripts.build import build
from scripts.cluster import Cluster
from tests.fake_telegram import FakeTelegram
from tests.sidecar.process import Sidecar, environment_for

SAMPLES = int(os.environ.get("SAMPLES", "10"))
MINUTE_SAMPLES = int(os.environ.get("MINUTE_SAMPLES", "2"))
IDLE_SECONDS = float(os.environ.get("IDLE_SECONDS", "20"))
DEADLINE = 2.0
PERIODS = {"1m": (60.0, MINUTE_SAMPLES), "5s": (5.0, SAMPLES), "1s": (1.0, SAMPLES)}


def main() -> None:
    """One period after the other, each with a sidecar of its own."""
    build()
    print("From the deadline to the request at the Bot API, and the processor time of the runs on an idle bot:")
    for every, (seconds, samples) in PERIODS.items():
        with tempfile.TemporaryDirectory() as directory, Cluster() as cluster, FakeTelegram() as telegram:
            cluster.create_database("bot")
            with cluster.connect("bot") as connection:
                prepare(connection)
                environment = environment_for(telegram) | {"GHOSTWATCH_RUN_CHECKS_EVERY": every}
                with Sidecar(cluster.dsn("bot"), Path(directory) / "log", environment) as sidecar:
                    sidecar.wait_until_it_says("NOTIFY wakes")
                    delays = [one_delay(connection, telegram, seconds) for _ in range(samples)]
                    share = processor_share(connection)
        spread = f"{min(delays):6.2f} to {max(delays):6.2f} s" if delays else ""
        middle = f"{statistics.median(delays):6.2f} s" if delays else "       -"
        print(f"runs every {every}: median {middle} ({spread}) of {samples}, {share:.2%} of a core")
    print("aim with runs every second: a median of 1 s, 0.5 % of a core")


def prepare(connection: psycopg.Connection[Any]) -> None:
    """A contract whose deadline comes soon, a channel, and alerts that open and resolve at once."""
    connection.execute(
        """
        CREATE EXTENSION ghostwatch;
        CREATE TABLE person (id bigint PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT clock_timestamp());
        CREATE INDEX ON person (created_at);
        CREATE TABLE greeting (person_id bigint PRIMARY KEY);
        SELECT ghostwatch.declare_contract('people', 'person');
        SELECT ghostwatch.declare_invariant('people', 'greeting', 'greeting', 'person_id', warn_after => '2 seconds');
        SELECT ghostwatch.add_channel('admins', 1);
        """
    )
    for name, value in {
        "resolve_after": "0",
        "reopen_within": "0",
        "chat_interval": "0",
        "group_messages_per_minute": "1000",
    }.items():
        connection.execute("SELECT ghostwatch.set_setting(%s, %s)", [name, value])


def one_delay(connection: psycopg.Connection[Any], telegram: FakeTelegram, period: float) -> float:
    """A user signs up at any moment and gets no greeting; seconds from the deadline to the message."""
    time.sleep(random.uniform(0, period))
    seen = len(telegram.requests)
    connection.execute("INSERT INTO person (id) SELECT coalesce(max(id), 0) + 1 FROM person")
    due_at = time.monotonic() + DEADLINE
    telegram.wait_for(lambda: len(telegram.requests) > seen, period + DEADLINE + 30)
    delay = telegram.requests[seen].at - due_at

    # The message that all is well again.
    connection.execute("INSERT INTO greeting SELECT id FROM person ON CONFLICT DO NOTHING")
    telegram.wait_for(lambda: len(telegram.requests) > seen + 1, period + 30)
    return delay


def processor_share(connection: psycopg.Connection[Any]) -> float:
    """The share of a core that the session which runs the checks uses while nothing happens."""
    row = connection.execute("SELECT pid FROM pg_stat_activity WHERE query = 'CALL ghostwatch.run_checks()'").fetchone()
    assert row, "nobody runs checks"
    before = processor_seconds(row[0])
    time.sleep(IDLE_SECONDS)
    return (processor_seconds(row[0]) - before) / IDLE_SECONDS


def processor_seconds(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
