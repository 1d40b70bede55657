"""What detection costs: beside the peer, on an idle bot, over tables of any size, and while it catches up.

The peer is the job that ghostwatch replaces: a query over the last 25 minutes, every minute.
Sizes: USERS (100000), REACTIONS (440000), BACKLOG (20000).
A big bot: USERS=5000000 REACTIONS=22000000 BACKLOG=1000000.
"""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg

from tests.bench.crowd import MINUTE, Cost, Crowd, crowd, crowded_server, sizes
from tests.support.cluster import Cluster

BACKLOG = int(os.environ.get("BACKLOG", "20000"))
ROUNDS = 5
USUAL_RATE = 1000


def main() -> None:
    """Every figure, one after the other."""
    users, reactions = sizes()
    with crowded_server() as cluster:
        begun = time.monotonic()
        with crowd(cluster, "bot", users, reactions) as bot:
            print(f"{users} users and {reactions} reactions made in {time.monotonic() - begun:.0f} s")
            bot.declare()
            at_the_usual_rate = beside_the_peer(bot)
        flatness(cluster, users, reactions, at_the_usual_rate)
        idle(cluster)
        catch_up(cluster)


def beside_the_peer(bot: Crowd) -> list[Cost]:
    """The same minutes, seen by both, at three rates of signups; returns our costs at the middle one."""
    print(f"\nA run beside the peer's query, medians of {ROUNDS} minutes, both with an index on created_at:")
    print(f"{'signups/min':>12}{'peer':>22}{'ghostwatch':>22}{'buffers':>10}{'time':>8}")
    at_the_usual_rate: list[Cost] = []
    for rate in (10, USUAL_RATE, 10000):
        settle(bot, rate)
        ours, theirs = [], []
        for _ in range(ROUNDS):
            bot.pass_time(MINUTE, rate)
            ours.append(bot.run())
            theirs.append(bot.ask_peer())
        print(
            f"{rate:12}{median(theirs)}{median(ours)}"
            f"{ratio([cost.buffers for cost in theirs], [cost.buffers for cost in ours]):>10}"
            f"{ratio([cost.milliseconds for cost in theirs], [cost.milliseconds for cost in ours]):>8}"
        )
        if rate == USUAL_RATE:
            at_the_usual_rate = ours
    print("aim at 10000: 10 times fewer buffers, 5 times less time")
    return at_the_usual_rate


def idle(cluster: Cluster) -> None:
    """Nothing came and nothing is open."""
    print(f"\nA run with nothing to do, medians of {ROUNDS * 10} runs:")
    with crowd(cluster, "idle", 10000, 10000) as bot:
        bot.declare()
        costs = {}
        for invariants in (1, 11):
            for number in range(2, invariants + 1):
                bot.execute(
                    "SELECT ghostwatch.declare_invariant('onboarding', %(name)s, 'user_meme_reaction', 'user_id')",
                    name=f"meme_{number}",
                )
            bot.pass_time(timedelta(hours=1), 0)
            for _ in range(6):
                bot.run()
            costs[invariants] = [bot.run() for _ in range(ROUNDS * 10)]
            print(f"{invariants:3} invariants{median(costs[invariants])}")
        each = [
            statistics.median(cost.milliseconds for cost in costs[11])
            - statistics.median(cost.milliseconds for cost in costs[1]),
            statistics.median(cost.buffers for cost in costs[11])
            - statistics.median(cost.buffers for cost in costs[1]),
        ]
        print(f"  each further{each[0] / 10:11.2f} ms{each[1] / 10:8.0f}")


def flatness(cluster: Cluster, users: int, reactions: int, largest: list[Cost]) -> None:
    """The same arrivals over ever larger tables; the largest was measured already."""
    print(f"\nThe same {USUAL_RATE} signups a minute over tables of three sizes, medians of {ROUNDS} runs:")
    costs: dict[int, list[Cost]] = {}
    for part in (100, 10):
        with crowd(cluster, "flat", users // part, reactions // part) as bot:
            bot.declare()
            settle(bot, USUAL_RATE)
            costs[part] = []
            for _ in range(ROUNDS):
                bot.pass_time(MINUTE, USUAL_RATE)
                costs[part].append(bot.run())
    costs[1] = largest
    for part, runs in costs.items():
        print(f"{users // part:12} users{median(runs)}")
    buffers = {part: statistics.median(cost.buffers for cost in runs) for part, runs in costs.items()}
    print(f"buffers, largest against smallest: {buffers[1] / buffers[100] - 1:+.0%} (aim: within 20 %)")


def catch_up(cluster: Cluster) -> None:
    """A day without runs."""
    with crowd(cluster, "backlog", 10000, 10000) as bot:
        bot.declare()
        bot.run()
        bot.pass_time(timedelta(days=1), BACKLOG)
        bot.execute("ANALYZE")
        runs = 0
        begun = time.monotonic()
        with watching(bot) as seen:
            while bot.value(
                "SELECT watermark < %(now)s::timestamptz - interval '10 minutes' FROM ghostwatch.check_progress",
                now=str(bot.now),
            ):
                bot.run()
                runs += 1
        seconds = time.monotonic() - begun
        due = bot.value("SELECT sum(due) FROM ghostwatch.branch_minute")
        print(f"\nA day's backlog of {BACKLOG} signups: {seconds:.1f} s in {runs} runs, {due} judged;")
        print(f"peak memory of its own {seen['memory']:.0f} MB, longest transaction {seen['transaction']:.1f} s")


@contextmanager
def watching(bot: Crowd) -> Iterator[dict[str, float]]:
    """Looks at the bot's session every few milliseconds: its memory (without shared buffers) and its transactions."""
    seen = {"memory": 0.0, "transaction": 0.0}
    pid = bot.connection.info.backend_pid
    done = threading.Event()
    dsn = bot.connection.info.dsn

    def look() -> None:
        with psycopg.connect(dsn, autocommit=True) as observer:
            while not done.wait(0.01):
                status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
                kilobytes = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon"))
                row = observer.execute(
                    """
                    SELECT extract(epoch FROM clock_timestamp() - xact_start)::float8
                    FROM pg_stat_activity WHERE pid = %s
                    """,
                    [pid],
                ).fetchone()
                seen["memory"] = max(seen["memory"], kilobytes / 1024)
                seen["transaction"] = max(seen["transaction"], (row and row[0]) or 0)

    observing = threading.Thread(target=look)
    observing.start()
    try:
        yield seen
    finally:
        done.set()
        observing.join()


def settle(bot: Crowd, rate: int) -> None:
    """Half an hour at this rate, judged, and the tables as autovacuum would leave them."""
    for _ in range(30):
        bot.pass_time(MINUTE, rate)
    for table in ('"user"', "user_tg", "user_meme_reaction"):
        bot.connection.execute(f"VACUUM (ANALYZE) {table}".encode())
    bot.run()
    bot.run()
    bot.execute("VACUUM (ANALYZE) ghostwatch.violation")


def median(costs: Sequence[Cost]) -> str:
    """The medians of time and buffers."""
    milliseconds = statistics.median(cost.milliseconds for cost in costs)
    buffers = statistics.median(cost.buffers for cost in costs)
    return f"{milliseconds:11.2f} ms{buffers:8.0f}"


def ratio(theirs: Sequence[float], ours: Sequence[float]) -> str:
    """How many times more the peer needs."""
    return f"{statistics.median(theirs) / statistics.median(ours):.1f} x"


if __name__ == "__main__":
    main()
