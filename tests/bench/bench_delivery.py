"""How long from the commit of a run to the request at the Bot API, beside a bare NOTIFY-to-HTTP loop.

Sizes: ALERTS (500).
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import psycopg

from scripts.build import build
from tests.sidecar.process import Outbox, Sidecar, environment_for
from tests.support.cluster import Cluster
from tests.support.database import Database
from tests.support.fake_telegram import TOKEN, FakeTelegram

ALERTS = int(os.environ.get("ALERTS", "500"))
AIM = 3.0
BARE_CHAT = 1


def bare_loop(dsn: str, url: str) -> None:
    """The least that turns a NOTIFY into a request."""

    async def loop() -> None:
        connection = await psycopg.AsyncConnection.connect(dsn, autocommit=True)
        async with httpx.AsyncClient() as client:
            await connection.execute("LISTEN bare")
            async for notification in connection.notifies():
                await client.post(
                    f"{url}/bot{TOKEN}/sendMessage", data={"chat_id": BARE_CHAT, "text": notification.payload}
                )

    asyncio.run(loop())


def main() -> None:
    """Alternates between the two, one message at a time."""
    build()
    with tempfile.TemporaryDirectory() as directory, Cluster() as cluster, FakeTelegram() as telegram:
        cluster.create_database("bot")
        cluster.execute("CREATE EXTENSION ghostwatch", "bot")
        outbox = Outbox(Database(cluster, "bot", "extension"))
        prepare(outbox)
        connection = outbox.database.connection
        bare = multiprocessing.Process(target=bare_loop, args=(cluster.dsn("bot"), telegram.url), daemon=True)
        bare.start()
        with Sidecar(
            cluster.dsn("bot"), Path(directory) / "log", environment_for(telegram, poll_every="10m")
        ) as sidecar:
            sidecar.wait_until_it_says("NOTIFY wakes")
            latencies: dict[str, list[float]] = {"bare loop": [], "ghostwatch": []}
            for number in range(1, ALERTS + 1):
                with connection.transaction():
                    connection.execute("SELECT pg_notify('bare', 'a message')")
                    begun = time.monotonic()
                latencies["bare loop"].append(arrival(telegram, 2 * number - 1) - begun)
                with connection.transaction():
                    tell(connection, number)
                    begun = time.monotonic()
                latencies["ghostwatch"].append(arrival(telegram, 2 * number) - begun)
        bare.kill()
        connection.close()
    report(latencies)


def prepare(outbox: Outbox) -> None:
    """A chat for each alert, so that no pace comes into it."""
    outbox.prepare()
    outbox.database.execute(
        """
        SELECT
            ghostwatch.add_channel(format('channel_%%s', n), 1000 + n),
            ghostwatch.declare_invariant('onboarding', format('invariant_%%s', n), 'public.greeting', 'account_id')
        FROM generate_series(1, %s) AS n
        """,
        ALERTS,
    )
    outbox.database.execute(
        """
        INSERT INTO ghostwatch.alert
            (kind, invariant_id, contract, invariant, rule, severity, opened_at, changed_at, error_count)
        SELECT 'violations', i.invariant_id, 'onboarding', i.name, i.rule, 'error', now(), now(), 1
        FROM ghostwatch.invariant AS i
        ORDER BY i.invariant_id
        """
    )


def tell(connection: psycopg.Connection[Any], number: int) -> None:
    """What the last transaction of a check run does."""
    connection.execute(
        "SELECT ghostwatch._enqueue(%(number)s, 'opened', now(), c.channel_id), pg_notify('ghostwatch', '') "
        "FROM ghostwatch.channel AS c WHERE c.name = format('channel_%%s', %(number)s::text)",
        {"number": number},
    )


def arrival(telegram: FakeTelegram, number: int) -> float:
    """When the n-th request came."""
    telegram.wait_for(lambda: len(telegram.requests) >= number)
    return telegram.requests[number - 1].at


def report(latencies: dict[str, list[float]]) -> None:
    """Prints the table."""
    print(f"{ALERTS} messages each, alternating, from the commit to the request at the Bot API:")
    print(f"{'':12}{'median':>12}{'99th percentile':>18}")
    for name, values in latencies.items():
        median, last = (statistics.median(values) * 1000, statistics.quantiles(values, n=100)[98] * 1000)
        print(f"{name:12}{median:9.2f} ms{last:15.2f} ms")
    ratio = statistics.median(latencies["ghostwatch"]) / statistics.median(latencies["bare loop"])
    print(f"ratio of the medians: {ratio:.2f} (aim: {AIM:g} at most)")


if __name__ == "__main__":
    main()
