"""What the page shows, as the database said it last, and when that was."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ghostwatch.notifier.database import Database, DatabaseUnavailable
from ghostwatch.notifier.health_signal import HealthSignal
from ghostwatch.page import queries

Facts = dict[str, Any]
Loader = Callable[[Database], Awaitable[Facts]]

# A reader does not wait longer for the database: what it said last is shown, with its age.
PATIENCE = 2.5
CALL_TIMEOUT = 5.0
# Several readers of one view within this time ask the database once.
FRESH_FOR = 1.0
LOOK_EVERY = 1.0
# Without readers the last state is noted this often, so that it can be shown when the database is down.
NOTE_EVERY = 60.0
MOST_KEPT = 64
NOT_FOUND = ("GW001", "GW007", "GW030")

log = logging.getLogger(__name__)


class NotFound(Exception):
    """There is no such clause or alert."""


@dataclass(frozen=True)
class Known:
    """What is known of one view: the facts, when the database stated them, and why there is nothing newer."""

    facts: Facts | None
    taken_at: datetime | None
    trouble: str | None = None
    trouble_since: datetime | None = None


class Source:
    """Asks the database for views, remembers the answers, and notices when they have changed."""

    def __init__(self, database: Database, overview: Loader) -> None:
        self._database = database
        self._overview = overview
        self._kept: OrderedDict[str, tuple[Facts, datetime, float, int]] = OrderedDict()
        self._loading: dict[str, asyncio.Task[Facts]] = {}
        self._signal = HealthSignal("the page's database")
        self._trouble_since: datetime | None = None
        self._generation = 0
        self._state: str | None = None
        self._changed = asyncio.Event()
        self._watchers = 0
        self._watched = asyncio.Event()

    async def overview(self) -> Known:
        """The view that is always remembered."""
        return await self.view("overview", self._overview)

    def noted(self) -> Known:
        """The overview as it was last noted, without asking anybody."""
        facts, taken_at = self._kept["overview"][:2] if "overview" in self._kept else (None, None)
        return Known(facts, taken_at, self._signal.problem, self._trouble_since)

    async def view(self, name: str, load: Loader) -> Known:
        """A view: fresh, or else what was known last. Raises NotFound where the database says so."""
        kept = self._kept.get(name)
        now = asyncio.get_running_loop().time()
        if kept is None or kept[3] != self._generation or now - kept[2] > FRESH_FOR:
            task = self._loading.get(name)
            if task is None:
                task = self._loading[name] = asyncio.create_task(self._load(name, load))
                task.add_done_callback(lambda done: self._loaded(name, done))
            await asyncio.wait({task}, timeout=PATIENCE)
            if task.done():
                with contextlib.suppress(DatabaseUnavailable):
                    return Known(task.result(), self._kept[name][1])
            elif self._trouble_since is None:
                return self._last(name, f"no answer within {PATIENCE:g} s", datetime.now(UTC))
            return self._last(name, self._signal.problem, self._trouble_since)
        return Known(kept[0], kept[1])

    def _loaded(self, name: str, task: asyncio.Task[Facts]) -> None:
        self._loading.pop(name, None)
        # Nobody may be waiting for it any more.
        if not task.cancelled():
            task.exception()

    def _last(self, name: str, trouble: str | None, since: datetime | None) -> Known:
        facts, taken_at = self._kept[name][:2] if name in self._kept else (None, None)
        return Known(facts, taken_at, trouble or "it does not answer", since)

    async def _load(self, name: str, load: Loader) -> Facts:
        generation = self._generation
        try:
            facts = await load(self._database)
        except DatabaseUnavailable as error:
            if error.sqlstate in NOT_FOUND:
                self._is_well()
                raise NotFound(str(error)) from None
            self._is_unwell(error)
            raise
        self._is_well()
        self._kept[name] = (facts, datetime.now(UTC), asyncio.get_running_loop().time(), generation)
        self._kept.move_to_end(name)
        while len(self._kept) > MOST_KEPT:
            # The overview is what everybody wants to see while the database is down.
            oldest = next(key for key in self._kept if key != "overview")
            del self._kept[oldest]
        return facts

    def _is_well(self) -> None:
        self._signal.well()
        self._trouble_since = None

    def _is_unwell(self, error: DatabaseUnavailable) -> None:
        advice = "; let its role look: SELECT ghostwatch.grant_viewer('<role>');" if error.sqlstate == "42501" else ""
        self._signal.unwell(f"{error}{advice}")
        self._trouble_since = self._trouble_since or datetime.now(UTC)

    async def run(self) -> None:
        """Looks for changes while somebody watches, and notes the overview now and then, until cancelled."""
        loop = asyncio.get_running_loop()
        noted_at = float("-inf")
        while True:
            if loop.time() - noted_at >= NOTE_EVERY:
                await self.overview()
                noted_at = loop.time()
            if self._watchers:
                await self._look()
                await asyncio.sleep(LOOK_EVERY)
            else:
                self._watched.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(NOTE_EVERY):
                        await self._watched.wait()

    async def _look(self) -> None:
        was_in_trouble = self._trouble_since is not None
        try:
            (row,) = await self._database.call(queries.CHANGES, seconds=CALL_TIMEOUT)
        except DatabaseUnavailable as error:
            self._is_unwell(error)
            if not was_in_trouble:
                self._tell()
            return
        self._is_well()
        if was_in_trouble or row["state"] != self._state:
            self._state = row["state"]
            self._tell()

    def _tell(self) -> None:
        self._generation += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def changes(self) -> AsyncIterator[bytes]:
        """An event when there is something to draw anew."""
        self._watchers += 1
        self._watched.set()
        try:
            # Where the connection was lost for a while, something may have been missed.
            yield b"retry: 2000\nevent: change\ndata: {}\n\n"
            while True:
                await self._changed.wait()
                yield b"event: change\ndata: {}\n\n"
        finally:
            self._watchers -= 1
