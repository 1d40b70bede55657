"""Looks after the sidecar itself: heartbeats to the database, to systemd, and to an outside URL."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from ghostwatch.notifier import queries, systemd
from ghostwatch.notifier.database import Database, DatabaseUnavailable
from ghostwatch.notifier.delivery import Delivery
from ghostwatch.notifier.health_signal import HealthSignal
from ghostwatch.notifier.listener import Listener
from ghostwatch.notifier.messenger import MessengerProblem
from ghostwatch.notifier.metrics import Metrics
from ghostwatch.settings import Settings

HEARTBEAT_EVERY = 15.0
URL_EVERY = 60.0
URL_TIMEOUT = 10.0
PROBE_EVERY = 60.0
# A network that fails for a moment is no news.
AWAY_AFTER = 60.0
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
        self._heartbeat = HealthSignal("the heartbeat")
        self._versions = HealthSignal("versions")
        self._numbers = HealthSignal("the metrics of the database")
        self._checks_fresh = False
        self._problems: list[str] = []

    async def beat(self) -> None:
        """One heartbeat; what the database answers goes to the metrics."""
        try:
            await self._database.call(queries.DETECT_STOPPED_CHECKS)
            problem = self._problem()
            (row,) = await self._database.call(
                queries.HEARTBEAT,
                {
                    "worker": self._settings.worker,
                    "version": self._version,
                    "listening": self._listener.listening,
                    "problem": None if problem is None else f"{problem.name}: {problem.problem}",
                    "fault": self._delivery.token.problem is not None or self._delivery.reachable.problem is not None,
                },
            )
            self._metrics.heartbeat(row, await self._samples())
            await self._delivery.read_limits()
            self._checks_fresh = row["checks_fresh"]
            self._problems = row["problems"]
            self._heartbeat.well()
            self._compare_versions(row.get("installed_version"))
        except DatabaseUnavailable as error:
            self._checks_fresh = False
            self._metrics.database_gone()
            self._heartbeat.unwell(str(error))
            raise
        finally:
            self._metrics.state(
                listening=self._listener.listening,
                connected=self._delivery.outbox.problem is None and self._heartbeat.problem is None,
                token=self._delivery.token.problem is None,
                reachable=self._delivery.reachable.problem is None,
            )

    def _compare_versions(self, installed: str | None) -> None:
        """Says where database and sidecar are not of the same version, as they are while one is upgraded.

        installed: the version in the database, which does not say so before 0.2.0.
        """
        if installed == self._version:
            self._versions.well()
        else:
            self._versions.unwell(
                f"this sidecar is of version {self._version}, ghostwatch in the database of "
                f"{installed or 'an older one'}; both go on working, but upgrade the older one"
            )

    async def _samples(self) -> list[dict[str, Any]]:
        """What /metrics shows by name, where it is served; a database that cannot say it is well all the same."""
        if self._settings.http_port is None:
            return []
        try:
            samples = await self._database.call(queries.METRICS)
        except DatabaseUnavailable as error:
            self._numbers.unwell(str(error))
            return []
        self._numbers.well()
        return samples

    async def run_heartbeat(self) -> None:
        """Beats until cancelled."""
        while True:
            with contextlib.suppress(DatabaseUnavailable):
                await self.beat()
            await asyncio.sleep(HEARTBEAT_EVERY)

    async def probe(self) -> None:
        """Asks whether Telegram answers and takes the token; the health signals of the delivery say what was found."""
        with contextlib.suppress(MessengerProblem, DatabaseUnavailable):
            await self._delivery.probe()

    async def run_probe(self) -> None:
        """Asks at start and every minute whether Telegram answers and takes the token."""
        while True:
            await self.probe()
            await asyncio.sleep(PROBE_EVERY)

    def _problem(self) -> HealthSignal | None:
        """What the doctor should know: a refused token, no way to Telegram, or buttons that are off."""
        signals = (self._delivery.token, self._delivery.reachable, self._delivery.buttons)
        return next((signal for signal in signals if signal.problem is not None), None)

    def alive(self) -> bool:
        """Whether the drain loop turns."""
        return time.monotonic() - self._delivery.last_turn < self._settings.poll_every + LONGEST_TURN

    def well(self) -> bool:
        """Whether the checks succeed and alerts reach people: what the heartbeat URL stands for."""
        return self.alive() and self._checks_fresh and not self.problems()

    def problems(self) -> dict[str, str]:
        """What keeps alerts back, by what it concerns."""
        signals = [self._delivery.outbox, self._delivery.token]
        if self._delivery.outbox.problem is None:
            signals.append(self._heartbeat)
        if self._delivery.reachable.unwell_for() > AWAY_AFTER:
            signals.append(self._delivery.reachable)
        found = {signal.name: signal.problem for signal in signals if signal.problem is not None}
        if self._problems and self._heartbeat.problem is None:
            found["the outbox"] = " ".join(self._problems)
        return found

    def report(self) -> dict[str, Any]:
        """For /healthz and /readyz."""
        return {
            "alive": self.alive(),
            "listening": self._listener.listening,
            "problems": self.problems(),
        }


async def run_watchdog(every: float, alive: Callable[[], bool]) -> None:
    """Reports to systemd that the drain loops turn, as long as they do."""
    while True:
        if alive():
            systemd.notify("WATCHDOG=1")
        await asyncio.sleep(every)


async def run_heartbeat_url(url: str, well: Callable[[], bool]) -> None:
    """Pings an outside watcher, but only while checks succeed and the outbox is served."""
    import httpx

    outside = HealthSignal("the heartbeat URL")
    async with httpx.AsyncClient(timeout=URL_TIMEOUT) as client:
        while True:
            if well():
                try:
                    (await client.get(url)).raise_for_status()
                    outside.well()
                # Whoever knows the URL can ping in our name, so nothing that quotes it is logged.
                except httpx.HTTPStatusError as error:
                    outside.unwell(f"it answers {error.response.status_code}")
                except (httpx.HTTPError, httpx.InvalidURL) as error:
                    outside.unwell(f"it cannot be fetched ({type(error).__name__})")
            await asyncio.sleep(URL_EVERY)
