"""/healthz, /readyz and /metrics, for whoever looks from outside.

h11 reads the requests. There is no thread and no queue: each connection has a short time for one request, and
where too many are open, the one that has been silent for longest makes room.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import h11
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from ghostwatch.errors import CommandError
from ghostwatch.notifier.metrics import Metrics
from ghostwatch.notifier.watch import Watch

MOST_CONNECTIONS = 64
REQUEST_TIMEOUT = 3.0
LARGEST_REQUEST = 16 * 1024

Answer = tuple[int, str, bytes]


@contextlib.asynccontextmanager
async def serving(host: str, port: int, watch: Watch, metrics: Metrics) -> AsyncIterator[None]:
    """Serves while the context lasts."""
    pages = HealthPages(watch, metrics)
    try:
        server = await asyncio.start_server(pages.connected, host, port, limit=LARGEST_REQUEST, backlog=1024)
    except OSError as error:
        reason = error.strerror or str(error)
        raise CommandError(f"cannot listen on {host}:{port} (GHOSTWATCH_HTTP_PORT): {reason}") from None
    try:
        yield
    finally:
        server.close()
        pages.close()


class HealthPages:
    """Answers one request a connection."""

    def __init__(self, watch: Watch, metrics: Metrics) -> None:
        self._watch = watch
        self._metrics = metrics
        # In the order in which they came.
        self._open: dict[asyncio.Task[None], None] = {}

    def close(self) -> None:
        """Ends what is still open."""
        for task in list(self._open):
            task.cancel()

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A new connection; the oldest makes room for it where there are too many."""
        while len(self._open) >= MOST_CONNECTIONS:
            oldest = next(iter(self._open))
            del self._open[oldest]
            oldest.cancel()
        task = asyncio.create_task(self._serve(reader, writer))
        self._open[task] = None
        task.add_done_callback(lambda done: self._open.pop(done, None))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(TimeoutError, ConnectionError):
                async with asyncio.timeout(REQUEST_TIMEOUT):
                    await self._answer_one(reader, writer)
        finally:
            # A client that does not read its answer must not keep it.
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()

    async def _answer_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=LARGEST_REQUEST)
        try:
            while (event := connection.next_event()) is h11.NEED_DATA:
                connection.receive_data(await reader.read(LARGEST_REQUEST))
            if not isinstance(event, h11.Request):
                return
            status, content_type, body = self._answer(event)
        except h11.RemoteProtocolError as error:
            status, content_type, body = error.error_status_hint, "text/plain", b"bad request\n"
        if connection.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        head = h11.Response(
            status_code=status,
            headers=[
                ("Content-Type", content_type),
                ("Content-Length", str(len(body))),
                ("Connection", "close"),
            ],
        )
        is_head = isinstance(event, h11.Request) and event.method == b"HEAD"
        parts = [connection.send(head), b"" if is_head else body]
        writer.write(b"".join(part for part in parts if part))
        await writer.drain()

    def _answer(self, request: h11.Request) -> Answer:
        if request.method not in (b"GET", b"HEAD"):
            return 405, "text/plain", b"GET\n"
        path = request.target.partition(b"?")[0]
        if path == b"/metrics":
            return 200, CONTENT_TYPE_LATEST, generate_latest(self._metrics.registry)
        report = self._watch.report()
        if path == b"/healthz":
            good = report["alive"]
        elif path == b"/readyz":
            good = report["alive"] and not report["problems"]
        else:
            return 404, "text/plain", b"/healthz, /readyz, /metrics\n"
        return 200 if good else 503, "application/json", json.dumps(report).encode() + b"\n"
