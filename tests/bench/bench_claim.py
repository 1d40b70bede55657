"""What one claim costs while many notifications wait, beside the same with few.

Sizes: WAITING (20000), CHATS (200), CLAIMS (40).
"""

from __future__ import annotations

import os
import statistics
import time
from typing import Any

import psycopg

from scripts.build import build
from tests.sidecar.process import Outbox
from tests.support.cluster import Cluster
from tests.support.database import Database

WAITING = int(os.environ.get("WAITING", "20000"))
CHATS = int(os.environ.get("CHATS", "200"))
CLAIMS = int(os.environ.get("CLAIMS", "40"))
AIM = 2.0


def main() -> None:
    """Claims and reports one message at a time, as sidecars do at the pace of the bot."""
    build()
    print(f"{CLAIMS} claims of one message each, {CHATS} chats:")
    print(f"{'waiting':>10}{'median':>12}{'pages':>10}")
    found = []
    with Cluster() as cluster:
        for waiting in (CHATS, WAITING):
            name = f"bot_{waiting}"
            cluster.create_database(name)
            cluster.execute("CREATE EXTENSION ghostwatch", name)
            database = Database(cluster, name, "extension")
            fill(Outbox(database), waiting)
            milliseconds, pages = measure(database.connection)
            found.append(milliseconds)
            print(f"{waiting:>10,}{milliseconds:>9.2f} ms{pages:>10,.0f}")
    print(f"ratio of the medians: {found[1] / found[0]:.2f}; aim: {AIM:g} ms at most with {WAITING:,} waiting")


def fill(outbox: Outbox, waiting: int) -> None:
    """Alerts of as many invariants as each chat is to be told of."""
    outbox.prepare()
    outbox.set_pace("1 second")
    outbox.database.execute(
        """
        SELECT ghostwatch.add_channel(format('channel_%%s', n), n) FROM generate_series(1, %s) AS n
        """,
        CHATS,
    )
    outbox.database.execute(
        """
        SELECT ghostwatch.declare_invariant('onboarding', format('invariant_%%s', n), 'public.greeting', 'account_id')
        FROM generate_series(1, %s) AS n
        """,
        waiting // CHATS,
    )
    outbox.database.execute(
        """
        INSERT INTO ghostwatch.alert
            (kind, invariant_id, contract, invariant, rule, severity, opened_at, changed_at, error_count)
        SELECT
            'violations', i.invariant_id, 'onboarding', i.name, i.rule,
            CASE WHEN i.invariant_id % 2 = 0 THEN 'error' ELSE 'warn' END, now(), now(), 1
        FROM ghostwatch.invariant AS i
        """
    )
    outbox.database.execute(
        "SELECT ghostwatch._enqueue(a.alert_id, 'opened', now() - interval '1 minute') FROM ghostwatch.alert AS a"
    )
    outbox.database.execute("VACUUM ANALYZE")


def measure(connection: psycopg.Connection[Any]) -> tuple[float, float]:
    """Median time of a claim, and the pages that it reads, without those of the reports."""
    times, pages = [], []
    for number in range(CLAIMS):
        if number % 4 == 0:
            cursor = connection.execute(
                "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT * FROM ghostwatch.claim_notifications('bench', 1)"
            )
            ((plan,),) = cursor.fetchall()
            pages.append(plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"])
        else:
            begun = time.perf_counter()
            connection.execute("SELECT * FROM ghostwatch.claim_notifications('bench', 1)").fetchall()
            times.append((time.perf_counter() - begun) * 1000)
        connection.execute(
            "SELECT ghostwatch.notification_sent(notification_id, 'bench', notification_id) "
            "FROM ghostwatch.notification WHERE state = 'claimed'"
        )
    return statistics.median(times), statistics.mean(pages)


if __name__ == "__main__":
    main()
