"""What capture costs those who insert, and what it saves a check where no index leads to the birth times.

Sizes: USERS (100000), REACTIONS (440000), CLIENTS (1 and 4), SECONDS (5) for each round of pgbench, ROUNDS (5).
"""

from __future__ import annotations

import os
import re
import statistics
import tempfile
from pathlib import Path

from scripts.build import build
from tests.bench.bench_detection import median, settle
from tests.bench.crowd import MINUTE, Cost, crowd, crowded_server, sizes
from tests.support.cluster import Cluster

SECONDS = int(os.environ.get("SECONDS", "5"))
ROUNDS = int(os.environ.get("ROUNDS", "5"))
RATE = 1000
AIM = 0.05

SIGNUP = r"""
\set id random(1, 9000000000)
INSERT INTO "user" (id, type, created_at) VALUES (:id, 'user', now()) ON CONFLICT DO NOTHING;
"""


def main() -> None:
    """Checks without an index, then inserts."""
    without_an_index()
    inserts()


def without_an_index() -> None:
    """The peer, a check that scans, and a check that reads arrivals, where created_at has no index."""
    users, reactions = sizes()
    print(f"A run at {RATE} signups a minute over {users} users, medians of {ROUNDS} minutes, no index on created_at:")
    with crowded_server() as cluster:
        for capture in (False, True):
            with crowd(cluster, "bot", users, reactions) as bot:
                bot.execute("DROP INDEX user_created_at")
                bot.declare(capture=capture)
                settle(bot, RATE)
                ours: list[Cost] = []
                theirs: list[Cost] = []
                for _ in range(ROUNDS):
                    bot.pass_time(MINUTE, RATE)
                    ours.append(bot.run())
                    theirs.append(bot.ask_peer())
            if not capture:
                print(f"{'peer':>10}{median(theirs)}")
            print(f"{'capture' if capture else 'scan':>10}{median(ours)}")


def inserts() -> None:
    """One user an insert and a commit, with the trigger and without, alternating; commits are durable."""
    build()
    print(f"\nInserts of one user, each committed, medians of {ROUNDS} rounds of {SECONDS} s:")
    with (
        tempfile.TemporaryDirectory() as directory,
        Cluster(settings={"fsync": "on", "full_page_writes": "on"}) as cluster,
    ):
        script = Path(directory) / "signup.sql"
        script.write_text(SIGNUP, encoding="ascii")
        with (
            crowd(cluster, "plain", 10000, 10000, count_buffers=False) as plain,
            crowd(cluster, "captured", 10000, 10000, count_buffers=False) as captured,
        ):
            plain.declare()
            captured.declare(capture=True)
            cluster.execute("CHECKPOINT")
            for clients in (1, 4):
                rates: dict[str, list[float]] = {plain.database: [], captured.database: []}
                for _ in range(ROUNDS):
                    for database, measured in rates.items():
                        measured.append(insert_rate(cluster, script, clients, database))
                without, with_it = (statistics.median(measured) for measured in rates.values())
                print(
                    f"{clients:3} clients: {without:8.0f}/s without capture, {with_it:8.0f}/s with it: "
                    f"{1 - with_it / without:+.1%} loss (aim: {AIM:.0%} at most)"
                )


def insert_rate(cluster: Cluster, script: Path, clients: int, database: str) -> float:
    """Inserts a second, as pgbench counts them."""
    finished = cluster.run_client(
        "pgbench",
        *(
            "--no-vacuum",
            "--file",
            str(script),
            "--client",
            str(clients),
            "--time",
            str(SECONDS),
            "--protocol",
            "prepared",
        ),
        database=database,
    )
    found = re.search(r"tps = ([\d.]+)", finished.stdout)
    assert found, finished.stdout
    return float(found.group(1))


if __name__ == "__main__":
    main()
