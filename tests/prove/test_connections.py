"""assert_contract through the connections of every driver that docs/testing.md names."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import timedelta
from functools import partial
from typing import Any, Final

import asyncpg
import django
import psycopg
import psycopg.rows
import psycopg2
import psycopg2.extras
import pytest
import sqlalchemy
from django.conf import settings
from django.db import ConnectionHandler
from django.utils.connection import ConnectionProxy
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from ghostwatch.errors import CommandError
from ghostwatch.testing import assert_contract
from tests.support.database import Database

Connect = Callable[[str], Any]

settings.configure()
django.setup()

# What no other connection sees, since it is never committed.
ACCOUNT_3: Final = "INSERT INTO account VALUES (3)"


def url(dsn: str, scheme: str) -> str:
    """A connection string as SQLAlchemy and asyncpg write it."""
    parts = conninfo_to_dict(dsn)
    return f"{scheme}://{parts['user']}@{parts['host']}:{parts['port']}/{parts['dbname']}"


@contextmanager
def of_psycopg(dsn: str, **options: Any) -> Iterator[Any]:
    with closing(psycopg.connect(dsn, **options)) as connection:
        connection.execute(ACCOUNT_3)
        yield connection


@contextmanager
def of_psycopg2(dsn: str, **options: Any) -> Iterator[Any]:
    with closing(psycopg2.connect(dsn, **options)) as connection:
        connection.cursor().execute(ACCOUNT_3)
        yield connection


@contextmanager
def of_sqlalchemy(dsn: str, driver: str, make: Callable[[sqlalchemy.Engine], Any]) -> Iterator[Any]:
    engine = sqlalchemy.create_engine(url(dsn, f"postgresql+{driver}"), poolclass=sqlalchemy.NullPool)
    with closing(make(engine)) as connection:
        connection.execute(sqlalchemy.text(ACCOUNT_3))
        yield connection


@contextmanager
def of_django(dsn: str, make: Callable[[ConnectionHandler], Any]) -> Iterator[Any]:
    parts = conninfo_to_dict(dsn)
    names = {"dbname": "NAME", "host": "HOST", "port": "PORT", "user": "USER"}
    database = {"ENGINE": "django.db.backends.postgresql"} | {names[part]: parts[part] for part in names}
    with closing(make(ConnectionHandler({"default": database}))) as connection:
        connection.set_autocommit(False)
        connection.cursor().execute(ACCOUNT_3)
        yield connection


@asynccontextmanager
async def of_async_psycopg(dsn: str) -> AsyncIterator[Any]:
    connection = await psycopg.AsyncConnection.connect(dsn)
    await connection.execute(ACCOUNT_3)
    yield connection
    await connection.close()


@asynccontextmanager
async def of_asyncpg(dsn: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(url(dsn, "postgresql"))
    await connection.execute("BEGIN")
    await connection.execute(ACCOUNT_3)
    yield connection
    await connection.close()


@asynccontextmanager
async def of_asyncpg_pool(dsn: str) -> AsyncIterator[Any]:
    async with asyncpg.create_pool(url(dsn, "postgresql"), min_size=1) as pool, pool.acquire() as connection:
        await connection.execute("BEGIN")
        await connection.execute(ACCOUNT_3)
        yield connection
        await connection.execute("ROLLBACK")


@asynccontextmanager
async def of_async_sqlalchemy(dsn: str, driver: str, make: Callable[[Any], Any]) -> AsyncIterator[Any]:
    engine = create_async_engine(url(dsn, f"postgresql+{driver}"), poolclass=sqlalchemy.NullPool)
    connection = make(engine)
    # An AsyncConnection is opened by awaiting it.
    connection = await connection if hasattr(connection, "__await__") else connection
    await connection.execute(sqlalchemy.text(ACCOUNT_3))
    yield connection
    await connection.close()


SYNCHRONOUS: Final[dict[str, Connect]] = {
    "psycopg": of_psycopg,
    "psycopg, rows as dictionaries": partial(of_psycopg, row_factory=psycopg.rows.dict_row),
    "psycopg, parameters bound by the client": partial(of_psycopg, cursor_factory=psycopg.ClientCursor),
    "psycopg2": of_psycopg2,
    "psycopg2, rows as dictionaries": partial(of_psycopg2, cursor_factory=psycopg2.extras.RealDictCursor),
    "SQLAlchemy over psycopg": partial(of_sqlalchemy, driver="psycopg", make=sqlalchemy.Engine.connect),
    "SQLAlchemy over psycopg2": partial(of_sqlalchemy, driver="psycopg2", make=sqlalchemy.Engine.connect),
    "Session": partial(of_sqlalchemy, driver="psycopg", make=Session),
    "scoped_session": partial(
        of_sqlalchemy, driver="psycopg", make=lambda engine: scoped_session(sessionmaker(engine))
    ),
    "Django": partial(of_django, make=lambda handler: handler["default"]),
    "django.db.connection": partial(of_django, make=lambda handler: ConnectionProxy(handler, "default")),
}
ASYNCHRONOUS: Final[dict[str, Connect]] = {
    "psycopg": of_async_psycopg,
    "asyncpg": of_asyncpg,
    "asyncpg, out of a pool": of_asyncpg_pool,
    "SQLAlchemy over asyncpg": partial(of_async_sqlalchemy, driver="asyncpg", make=lambda engine: engine.connect()),
    "SQLAlchemy over psycopg": partial(of_async_sqlalchemy, driver="psycopg", make=lambda engine: engine.connect()),
    "AsyncSession": partial(of_async_sqlalchemy, driver="asyncpg", make=AsyncSession),
    "async_scoped_session": partial(
        of_async_sqlalchemy,
        driver="asyncpg",
        make=lambda engine: async_scoped_session(async_sessionmaker(engine), scopefunc=asyncio.current_task),
    ),
}


@pytest.mark.parametrize("connect", SYNCHRONOUS.values(), ids=SYNCHRONOUS)
def test_synchronous(application: Database, connect: Connect) -> None:
    """What is whole passes, what is not is named, and what its own transaction wrote is seen."""
    with connect(application.dsn) as connection:
        assert assert_contract("welcome", 1, connection=connection) is None
        for account in (2, 3):
            with pytest.raises(AssertionError, match="greeting: Does not have a greeting"):
                assert_contract("welcome", account, connection=connection)
        later = timedelta(minutes=6)
        with pytest.raises(AssertionError, match="greeting: Does not have a greeting"):
            assert_contract("welcome", 3, connection=connection, as_of=later, clauses=["greeting"], leave_out=[])


@pytest.mark.parametrize("connect", ASYNCHRONOUS.values(), ids=ASYNCHRONOUS)
async def test_asynchronous(application: Database, connect: Connect) -> None:
    """The same, awaited."""
    async with connect(application.dsn) as connection:
        await assert_contract("welcome", 1, connection=connection)
        for account in (2, 3):
            with pytest.raises(AssertionError, match="greeting: Does not have a greeting"):
                await assert_contract("welcome", account, connection=connection)
        later = timedelta(minutes=6)
        with pytest.raises(AssertionError, match="greeting: Does not have a greeting"):
            await assert_contract("welcome", 3, connection=connection, as_of=later, clauses=["greeting"], leave_out=[])


NOT_INSTALLED: Final = "ghostwatch is not installed in the database of this connection"


@pytest.mark.parametrize("connect", SYNCHRONOUS.values(), ids=SYNCHRONOUS)
def test_without_ghostwatch(empty_database: Database, connect: Connect) -> None:
    """The error says so, whatever the driver calls it."""
    empty_database.execute("CREATE TABLE account (id bigint PRIMARY KEY)")
    with connect(empty_database.dsn) as connection, pytest.raises(CommandError, match=NOT_INSTALLED):
        assert_contract("welcome", 1, connection=connection)


@pytest.mark.parametrize("connect", ASYNCHRONOUS.values(), ids=ASYNCHRONOUS)
async def test_without_ghostwatch_asynchronous(empty_database: Database, connect: Connect) -> None:
    """The same, awaited."""
    empty_database.execute("CREATE TABLE account (id bigint PRIMARY KEY)")
    async with connect(empty_database.dsn) as connection:
        with pytest.raises(CommandError, match=NOT_INSTALLED):
            await assert_contract("welcome", 1, connection=connection)


@pytest.mark.parametrize("given", [object(), "postgresql://", sqlalchemy.create_mock_engine])
def test_what_is_no_connection(given: object) -> None:
    """One error that says what is accepted."""
    with pytest.raises(TypeError) as refused:
        assert_contract("welcome", 1, connection=given)
    for accepted in ("psycopg", "psycopg2", "SQLAlchemy", "AsyncSession", "asyncpg", "django.db.connection"):
        assert accepted in str(refused.value)


def test_a_database_of_another_kind() -> None:
    """Django's connection may lead to SQLite."""
    handler = ConnectionHandler({"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}})
    with pytest.raises(TypeError, match="sqlite, not to PostgreSQL"):
        assert_contract("welcome", 1, connection=handler["default"])
