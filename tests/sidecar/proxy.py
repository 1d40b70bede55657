"""A TCP proxy that can fall silent, as a network does whose peer is gone without a word."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from types import TracebackType
from typing import Self


class SilentProxy:
    """Forwards to a port of this machine, until it is told to swallow everything on what is open."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._swallowing: asyncio.Event | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._dead = False
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def swallow(self) -> None:
        """From now on nothing passes on the connections that are open; new ones work."""
        asyncio.run_coroutine_threadsafe(self._fall_silent(), self._loop).result(10)

    def refuse(self) -> None:
        """From now on nothing passes, on new connections neither."""
        self._dead = True
        self.swallow()

    async def _listen(self) -> int:
        self._swallowing = asyncio.Event()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return int(server.sockets[0].getsockname()[1])

    async def _fall_silent(self) -> None:
        assert self._swallowing is not None
        self._swallowing.set()
        self._swallowing = asyncio.Event()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self._swallowing is not None
        swallowing = self._swallowing
        if self._dead:
            swallowing.set()
        other_reader, other_writer = await asyncio.open_connection("127.0.0.1", self._target)
        # Cancelled at the end of the test, which is nothing to report.
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(
                self._forward(reader, other_writer, swallowing), self._forward(other_reader, writer, swallowing)
            )

    @staticmethod
    async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, swallowing: asyncio.Event) -> None:
        try:
            while data := await reader.read(65536):
                if swallowing.is_set():
                    continue
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            if not swallowing.is_set():
                writer.close()

    async def _end(self) -> None:
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
