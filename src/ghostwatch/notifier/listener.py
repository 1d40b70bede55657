"""Receives NOTIFY and wakes the delivery. Only speed depends on it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

import psycopg

from ghostwatch.notifier import queries
from ghostwatch.notifier.database import (
    CALL_TIMEOUT,
    Connection,
    Database,
    DatabaseUnavailable,
    bounded,
    connect,
)
from ghostwatch.notifier.health_signal import Backoff, HealthSignal

PROVE_EVERY = 30.0
ECHO_TIMEOUT = 5.0
# Where LISTEN has no effect, one try in five minutes is enough.
NO_ECHO_PAUSE = 300.0
# How the payload of a NOTIFY begins that is no wake-up.
PING = "ping "

log = logging.getLogger(__name__)


class NoEcho(Exception):
    """Our own NOTIFY did not come back."""


class Listener:
    """A connection of its own that listens, and that proves again and again that NOTIFY reaches it."""

    def __init__(
        self,
        dsn: str,
        worker: str,
        database: Database,
        wake: Callable[[], None],
        *,
        prove_every: float = PROVE_EVERY,
        echo_timeout: float = ECHO_TIMEOUT,
    ) -> None:
        self._dsn = dsn
        self._worker = worker
        self._database = database
        self._wake = wake
        self._prove_every = prove_every
        self._echo_timeout = echo_timeout
        self._signal = HealthSignal("listening for NOTIFY")
        self.listening = False

    async def run(self) -> None:
        """Listens until cancelled, connecting again whenever it must."""
        backoff = Backoff()
        while True:
            proved_before = False
            try:
                connection = await connect(self._dsn, f"ghostwatch {self._worker} (listening)")
                try:
                    await bounded(connection, connection.execute(queries.LISTEN), CALL_TIMEOUT)
                    await self._prove(connection)
                    proved_before = self.listening = True
                    self._signal.well()
                    log.info("NOTIFY wakes this sidecar")
                    backoff.succeeded()
                    # What was written before we listened has woken no one.
                    self._wake()
                    await self._listen(connection)
                finally:
                    self.listening = False
                    await connection.close()
            except NoEcho:
                if not proved_before:
                    self._signal.unwell(
                        "LISTEN has no effect on this connection (a transaction-pooling proxy?), "
                        "so messages wait for the next poll"
                    )
                    await asyncio.sleep(NO_ECHO_PAUSE)
                    continue
                self._signal.unwell("the connection is dead, connecting again")
            except (DatabaseUnavailable, psycopg.Error) as error:
                self._signal.unwell(str(DatabaseUnavailable.of(error)))
            await asyncio.sleep(backoff.next_pause())

    async def _listen(self, connection: Connection) -> None:
        while True:
            await self._receive(connection, self._prove_every)
            await self._prove(connection)

    async def _prove(self, connection: Connection) -> None:
        """Sends a NOTIFY to ourselves over the other connection; a half-open connection never receives it."""
        echo = f"{PING}{self._worker}"
        await self._database.call(queries.PING, {"payload": echo})
        if not await self._receive(connection, self._echo_timeout, until=echo):
            raise NoEcho

    async def _receive(self, connection: Connection, seconds: float, *, until: str | None = None) -> bool:
        """Wakes the delivery whenever something comes within a time; ends early, and true, with one payload."""
        deadline = time.monotonic() + seconds
        while (rest := deadline - time.monotonic()) > 0:
            payloads = await _received(connection, rest)
            if any(not payload.startswith(PING) for payload in payloads):
                self._wake()
            if until in payloads:
                return True
        return False


async def _received(connection: Connection, seconds: float) -> list[str]:
    """The payloads that come within a time, as soon as there are any.

    psycopg's own waiting wakes up ten times a second, which would be most of what an idle sidecar does.
    """
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(connection.fileno(), readable.set)
    try:
        async with asyncio.timeout(seconds):
            await readable.wait()
    except TimeoutError:
        return []
    finally:
        loop.remove_reader(connection.fileno())
    return [notification.payload async for notification in connection.notifies(timeout=1, stop_after=1)]
