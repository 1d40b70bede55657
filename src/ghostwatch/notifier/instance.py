"""Everything that the sidecar does for one database: it listens, delivers, reports that it is there."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Coroutine
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from ghostwatch.notifier import queries
from ghostwatch.notifier.check_runs import run_checks
from ghostwatch.notifier.database import Database, DatabaseUnavailable
from ghostwatch.notifier.delivery import STOP_WITHIN, Delivery
from ghostwatch.notifier.listener import Listener
from ghostwatch.notifier.messages import Renderer
from ghostwatch.notifier.messenger import Messenger
from ghostwatch.notifier.metrics import Metrics
from ghostwatch.notifier.pace import Pace
from ghostwatch.notifier.telegram import Telegram
from ghostwatch.notifier.watch import Watch
from ghostwatch.settings import Settings

if TYPE_CHECKING:
    from ghostwatch.page.site import Site

# A database that does not answer must not delay the end of the process.
GOODBYE_WITHIN = 3.0

log = logging.getLogger(__name__)


class Instance:
    """The parts that serve one database. With a pace it is one of a fleet."""

    def __init__(self, settings: Settings, messenger: Messenger, renderer: Renderer, pace: Pace | None) -> None:
        self.settings = settings
        self.name = settings.instance
        # A button has 64 bytes, which a name may not leave.
        self.key = hashlib.sha256((self.name or "").encode()).hexdigest()[:8] if pace is not None else ""
        if isinstance(messenger, Telegram):
            messenger = messenger.of(self.key)
        self.metrics = Metrics(version("ghostwatch"))
        self.database = Database(settings.dsn, f"ghostwatch {settings.worker}", on_notify=lambda: self.delivery.wake())
        self.delivery = Delivery(
            settings,
            self.database,
            messenger,
            renderer.of(self.name, settings.public_url),
            self.metrics,
            pace,
        )
        self.listener = Listener(settings.dsn, settings.worker, self.database, self.delivery.wake)
        self.watch = Watch(settings, self.database, self.delivery, self.listener, self.metrics)
        self.site: Site | None = None
        self._page: Coroutine[Any, Any, None] | None = None
        if settings.has_page:
            from ghostwatch.page.service import page

            self.site, self._page = page(settings, self.metrics)
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Ends run() in good order."""
        self._stop.set()

    async def run(self) -> bool:
        """Runs the drain loop and its side tasks until stop(), or until one of them dies; returns whether none did."""
        draining = asyncio.create_task(self.delivery.run(), name="delivery")
        parts = self._parts()
        side = [asyncio.create_task(part, name=name) for name, part in parts.items()]
        waiting = asyncio.create_task(self._stop.wait())
        log.info("delivering; with %s", ", ".join(parts))
        try:
            await asyncio.wait({waiting, draining, *side}, return_when=asyncio.FIRST_COMPLETED)
            dead = [task for task in side if task.done()]
            self.delivery.stop()
            for task in (waiting, *side):
                task.cancel()
            # From here on it is the clock that counts, whatever each of them still waits for.
            await asyncio.wait({draining, *side}, timeout=STOP_WITHIN)
            if not draining.done():
                draining.cancel()
                await asyncio.wait({draining}, timeout=1)
            elif draining.exception() is not None:
                dead.append(draining)
            for task in dead:
                log.critical("%s has died", task.get_name(), exc_info=task.exception())
            return not dead
        finally:
            for task in (draining, waiting, *side):
                task.cancel()

    async def close(self) -> None:
        """Says goodbye to the database, for a short time, and closes the connection."""
        with contextlib.suppress(DatabaseUnavailable, TimeoutError):
            async with asyncio.timeout(GOODBYE_WITHIN):
                await self.database.call(queries.STOPPED, {"worker": self.settings.worker}, GOODBYE_WITHIN / 2)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_WITHIN / 2):
                await self.database.close()

    def _parts(self) -> dict[str, Coroutine[Any, Any, None]]:
        parts: dict[str, Coroutine[Any, Any, None]] = {
            "listener": self.listener.run(),
            "heartbeat": self.watch.run_heartbeat(),
            "probe": self.watch.run_probe(),
        }
        if self.settings.run_checks_every is not None:
            parts["run-checks"] = run_checks(self.settings, self.settings.run_checks_every)
        if self._page is not None:
            parts["page"] = self._page
        return parts
