"""The HTTP server of the sidecar: h11 on asyncio.

There is no thread and no queue: each connection has a short time for one request, and where too many are open, the one
that has been silent for longest makes room. Only a stream of events stays open, and only so many of those.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate

import h11

from ghostwatch.errors import CommandError

MOST_CONNECTIONS = 64
MOST_STREAMS = 64
REQUEST_TIMEOUT = 5.0
LARGEST_REQUEST = 16 * 1024
LARGEST_BODY = 4 * 1024
# A stream that says nothing for so long would be closed by a proxy; and a reader that is gone is noticed.
STREAM_BEAT = 15.0
WORTH_COMPRESSING = 1024

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """What was asked for. Names of headers are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True)
class Response:
    """What is answered, whole."""

    status: int
    content_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Stream:
    """What is answered bit by bit, until the reader goes or the sidecar stops: server-sent events."""

    events: AsyncIterator[bytes]
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Awaitable[Response | Stream]]


def plain(status: int, text: str) -> Response:
    """A line of text."""
    return Response(status, "text/plain; charset=utf-8", text.encode() + b"\n")


@contextlib.asynccontextmanager
async def serving(host: str, port: int, handler: Handler) -> AsyncIterator[None]:
    """Serves while the context lasts."""
    connections = _Connections(handler)
    try:
        server = await asyncio.start_server(connections.connected, host, port, limit=LARGEST_REQUEST, backlog=1024)
    except OSError as error:
        reason = error.strerror or str(error)
        raise CommandError(f"cannot listen on {host}:{port} (GHOSTWATCH_HTTP_PORT): {reason}") from None
    try:
        yield
    finally:
        server.close()
        connections.close()


class _Connections:
    """Answers one request a connection."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        # In the order in which they came.
        self._open: dict[asyncio.Task[None], None] = {}
        self._streams: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        """Ends what is still open."""
        for task in [*self._open, *self._streams]:
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
        task.add_done_callback(self._streams.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(TimeoutError, ConnectionError):
                async with asyncio.timeout(REQUEST_TIMEOUT):
                    stream = await self._answer_one(reader, writer)
                if stream is not None:
                    await self._follow(*stream, reader, writer)
        finally:
            # A client that does not read its answer must not keep it.
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()

    async def _answer_one(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[h11.Connection, AsyncIterator[bytes]] | None:
        """Reads a request and answers it; returns the events that are still to be sent, if any."""
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=LARGEST_REQUEST)
        request: Request | None = None
        try:
            request = await _read(connection, reader)
            if request is None:
                return None
            answer = await self._handler(request)
        except h11.RemoteProtocolError as error:
            answer = plain(error.error_status_hint, "bad request")
        if connection.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return None
        if isinstance(answer, Stream) and len(self._streams) >= MOST_STREAMS:
            answer = plain(503, "too many streams of events are open")
        if isinstance(answer, Stream):
            headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
            writer.write(_head(connection, 200, headers | dict(answer.headers)))
            await writer.drain()
            return connection, answer.events
        body, headers = _compressed(answer, request)
        headers["Content-Length"] = str(len(body))
        is_head = request is not None and request.method == "HEAD"
        writer.write(_head(connection, answer.status, headers) + (b"" if is_head else body))
        await writer.drain()
        return None

    async def _follow(
        self,
        connection: h11.Connection,
        events: AsyncIterator[bytes],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Sends events as they come, until the reader goes."""
        task = asyncio.current_task()
        assert task is not None
        # It makes room for no other connection.
        self._open.pop(task, None)
        self._streams.add(task)
        gone = asyncio.create_task(reader.read())
        coming: asyncio.Future[bytes] = asyncio.ensure_future(anext(events))
        try:
            while not gone.done():
                await asyncio.wait({gone, coming}, timeout=STREAM_BEAT, return_when=asyncio.FIRST_COMPLETED)
                event = b":\n\n"
                if coming.done():
                    event = coming.result()
                    coming = asyncio.ensure_future(anext(events))
                writer.write(connection.send(h11.Data(data=event)) or b"")
                async with asyncio.timeout(REQUEST_TIMEOUT):
                    await writer.drain()
        finally:
            gone.cancel()
            coming.cancel()


async def _read(connection: h11.Connection, reader: asyncio.StreamReader) -> Request | None:
    head: h11.Request | None = None
    body = b""
    while True:
        while (event := connection.next_event()) is h11.NEED_DATA:
            connection.receive_data(await reader.read(LARGEST_REQUEST))
        if isinstance(event, h11.Request):
            head = event
            if event.method != b"POST":
                # What comes after it is nobody's.
                break
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > LARGEST_BODY:
                raise h11.RemoteProtocolError("too large", error_status_hint=413)
        elif isinstance(event, h11.EndOfMessage):
            break
        else:
            return None
    assert head is not None
    headers = {name.decode("ascii"): value.decode("latin-1") for name, value in head.headers}
    return Request(head.method.decode("ascii"), head.target.decode("latin-1"), headers, body)


def _head(connection: h11.Connection, status: int, headers: Mapping[str, str]) -> bytes:
    lines = [*headers.items(), ("Date", formatdate(usegmt=True)), ("Connection", "close")]
    return connection.send(h11.Response(status_code=status, headers=lines)) or b""


def _compressed(answer: Response, request: Request | None) -> tuple[bytes, dict[str, str]]:
    """The body as the reader takes it, and the headers that say so."""
    headers = {"Content-Type": answer.content_type, **answer.headers}
    accepted = request.headers.get("accept-encoding", "") if request else ""
    if len(answer.body) < WORTH_COMPRESSING or "gzip" not in accepted.lower():
        return answer.body, headers
    headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return gzip.compress(answer.body, 6, mtime=0), headers
