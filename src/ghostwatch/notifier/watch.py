"""Looks after the sidecar itself: heartbeats to the database, to systemd, and to an outside URL."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from ghostwatch.notifier import queries, systemd
from ghostwatch.notifier.database import Condition, Database, DatabaseUnavailable
from ghostwatch.notifier.delivery import Delivery
from ghostwatch.notifier.listener import Listener
from ghostwatch.notifier.metrics import Metrics
from ghostwatch.settings import Settings

HEARTBEAT_EVERY = 15.0
URL_EVERY = 60.0
URL_TIMEOUT = 10.0
# A drain loop that is late by so much hangs: each of its calls has a shorter time-out.
LONGEST_TURN = 60.0


class Watch:
    """What is known of the sidecar's health."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        delivery: Delivery,
        listener: Listener,
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self._database = database
        self._delivery = delivery
        self._listener = listener
        self._metrics = metrics
        self._version = version("ghostwatch")
        self._outside = Condition("the heartbeat URL")
        self._healthy = False

    async def beat(self) -> None:
        """One heartbeat; what the database answers goes to the metrics."""
        try:
            await self._database.call(queries.WATCH_CHECKS)
            (row,) = await self._database.call(
                queries.HEARTBEAT,
                {
                    "worker": self._settings.worker,
                    "version": self._version,
                    "listening": self._listener.listening,
                    "problem": self._problem(),
                },
            )
            oldest = row["oldest_waiting_at"]
            self._metrics.heartbeat(row, (datetime.now(UTC) - oldest).total_seconds() if oldest else 0.0)
            self._healthy = row["checks_fresh"] and row["outbox_healthy"]
        except DatabaseUnavailable:
            self._healthy = False
            raise
        finally:
            self._metrics.state(
                listening=self._listener.listening,
                connected=self._delivery.outbox.problem is None,
                token=self._delivery.token.problem is None,
            )

    async def run_heartbeat(self) -> None:
        """Beats until cancelled; the drain loop is the one that says when the database is gone."""
        while True:
            try:
                await self.beat()
            except DatabaseUnavailable as error:
                self._delivery.outbox.unwell(str(error))
            await asyncio.sleep(HEARTBEAT_EVERY)

    async def run_watchdog(self, every: float) -> None:
        """Tells systemd that the drain loop turns, as long as it does."""
        while True:
            if self.alive():
                systemd.notify("WATCHDOG=1")
            await asyncio.sleep(every)

    async def run_heartbeat_url(self, url: str) -> None:
        """Pings an outside watcher, but only while checks succeed and the outbox is served."""
        import httpx

        async with httpx.AsyncClient(timeout=URL_TIMEOUT) as client:
            while True:
                if self._healthy and not self.problems():
                    try:
                        (await client.get(url)).raise_for_status()
                        self._outside.well()
                    # Whoever knows the URL can ping in our name, so nothing that quotes it is told.
                    except httpx.HTTPStatusError as error:
                        self._outside.unwell(f"it answers {error.response.status_code}")
                    except (httpx.HTTPError, httpx.InvalidURL) as error:
                        self._outside.unwell(f"it cannot be fetched ({type(error).__name__})")
                await asyncio.sleep(URL_EVERY)

    def _problem(self) -> str | None:
        """What the doctor should know: a refused token, or buttons that are off."""
        known = next((c for c in (self._delivery.token, self._delivery.buttons) if c.problem is not None), None)
        return f"{known.name}: {known.problem}" if known else None

    def alive(self) -> bool:
        """Whether the drain loop turns."""
        return time.monotonic() - self._delivery.last_turn < self._settings.poll_every + LONGEST_TURN

    def problems(self) -> dict[str, str]:
        """What keeps it from delivering, by what it concerns."""
        conditions = (self._delivery.outbox, self._delivery.token)
        return {known.name: known.problem for known in conditions if known.problem is not None}

    def report(self) -> dict[str, Any]:
        """For /healthz and /readyz."""
        return {
            "alive": self.alive(),
            "listening": self._listener.listening,
            "problems": self.problems(),
        }
