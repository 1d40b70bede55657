"""A connection to Postgres that may be lost at any time, and no call that lasts for ever."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow, dict_row

from ghostwatch.errors import explain
from ghostwatch.notifier import queries
from ghostwatch.notifier.queries import Query
from ghostwatch.notifier.text import clean

T = TypeVar("T")
Connection = psycopg.AsyncConnection[DictRow]

CONNECT_TIMEOUT = 5.0
CALL_TIMEOUT = 10.0
LONGEST_ERROR = 500
# A connection that was idle for so long is asked whether it is still there before anything depends on it.
IDLE_AFTER = 1.0
PROBE_TIMEOUT = 1.0
SQLSTATE_INSUFFICIENT_PRIVILEGE = "42501"


class DatabaseUnavailable(Exception):
    """A call did not succeed; the message says why, without the connection string.

    sqlstate: what the server called the error; None if it said nothing.
    """

    def __init__(self, message: str, sqlstate: str | None = None) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate

    @classmethod
    def of(cls, error: Exception) -> DatabaseUnavailable:
        """From an error of the driver or the network, on one line."""
        said = explain(error) if isinstance(error, psycopg.Error) else str(error)
        text = clean(" ".join(said.split()), LONGEST_ERROR)
        return cls(text or type(error).__name__, getattr(error, "sqlstate", None))


async def connect(dsn: str, application_name: str) -> Connection:
    """A new autocommit connection; with several hosts, to the first that is as the DSN wants it."""
    parameters = conninfo_to_dict(dsn)
    hosts = str(parameters.get("host") or "").count(",") + 1
    conninfo = make_conninfo(
        dsn,
        application_name=application_name,
        connect_timeout=parameters.get("connect_timeout") or int(CONNECT_TIMEOUT),
    )
    try:
        return await asyncio.wait_for(
            # Prepared statements do not survive a transaction-pooling proxy.
            psycopg.AsyncConnection.connect(conninfo, autocommit=True, prepare_threshold=None, row_factory=dict_row),
            CONNECT_TIMEOUT * hosts + 1,
        )
    except TimeoutError:
        raise DatabaseUnavailable("no answer within the time-out") from None
    except (psycopg.Error, OSError) as error:
        raise DatabaseUnavailable.of(error) from None


async def bounded(connection: Connection, call: Coroutine[Any, Any, T], seconds: float) -> T:
    """Awaits a call on the connection; after the time-out the connection is torn down.

    Cancelling alone would not do: psycopg then asks the server to cancel and waits for its answer,
    which never comes on a half-open connection.
    """
    task = asyncio.ensure_future(call)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        _tear_down(connection, task)
        raise
    if done:
        return task.result()
    _tear_down(connection, task)
    raise DatabaseUnavailable(f"no answer within {seconds:g} s")


def _tear_down(connection: Connection, task: asyncio.Task[Any]) -> None:
    task.cancel()
    connection.pgconn.finish()
    # The result of the cancelled call is not needed any more.
    task.add_done_callback(lambda finished: finished.cancelled() or finished.exception())


class Database:
    """One connection, made when it is needed and made again after it was lost."""

    def __init__(self, dsn: str, application_name: str, on_notify: Callable[[], None] = lambda: None) -> None:
        self._dsn = dsn
        self._application_name = application_name
        self._on_notify = on_notify
        self._connection: Connection | None = None
        self._used_at = 0.0
        self._lock = asyncio.Lock()

    async def call(
        self, query: Query, parameters: Mapping[str, object] | None = None, seconds: float = CALL_TIMEOUT
    ) -> list[DictRow]:
        """Runs one statement and returns its rows; whatever goes wrong is DatabaseUnavailable."""
        async with self._lock:
            if await self._is_gone():
                self._connection = await connect(self._dsn, self._application_name)
                # A proxy may hand us wake-ups that were meant for another connection; they wake all the same.
                self._connection.add_notify_handler(lambda _: self._on_notify())
            connection = self._connection
            assert connection is not None
            try:
                rows = await bounded(connection, self._run(connection, query, parameters), seconds)
                self._used_at = time.monotonic()
                return rows
            except psycopg.Error as error:
                await self._forget()
                raise DatabaseUnavailable.of(error) from None
            except BaseException:
                await self._forget()
                raise

    async def close(self) -> None:
        """Closes the connection; a later call would make a new one."""
        async with self._lock:
            await self._forget()

    async def _is_gone(self) -> bool:
        """Whether there is no connection that answers: one that is half open would cost a call its whole time-out."""
        connection = self._connection
        if connection is None or connection.closed:
            return True
        if time.monotonic() - self._used_at > IDLE_AFTER:
            try:
                await bounded(connection, self._run(connection, queries.PROBE, None), PROBE_TIMEOUT)
            except (DatabaseUnavailable, psycopg.Error):
                await self._forget()
                return True
        return False

    @staticmethod
    async def _run(connection: Connection, query: Query, parameters: Mapping[str, object] | None) -> list[DictRow]:
        cursor = await connection.execute(query, parameters)
        return await cursor.fetchall() if cursor.description else []

    async def _forget(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
