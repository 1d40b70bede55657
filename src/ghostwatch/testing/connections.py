"""Asks a question through whatever connection an application's tests have.

No driver is imported here: whoever gives a connection has imported its package.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from ghostwatch.errors import CommandError, is_not_installed
from ghostwatch.proof import ARGUMENTS, NAMED_QUERY, QUERY

Arguments = dict[str, str | None]
SQLALCHEMY_QUERY: Final = QUERY.format(*(f":{name}" for name in ARGUMENTS))
ASYNCPG_QUERY: Final = QUERY.format(*(f"${number}" for number in range(1, len(ARGUMENTS) + 1)))


def ask(connection: Any, arguments: Arguments) -> str | Awaitable[str]:
    """What ghostwatch.prove() answers, as text; something to await where the connection is asynchronous.

    Raises TypeError for what is no connection to PostgreSQL that is known here, and CommandError where
    ghostwatch is not installed. Other errors come as the driver raises them.
    """
    for kind in type(connection).__mro__:
        name = f"{kind.__module__}.{kind.__qualname__}"
        if name in SYNCHRONOUS:
            try:
                return SYNCHRONOUS[name](connection, arguments)
            except Exception as error:
                _explain(error)
                raise
        if name in ASYNCHRONOUS:
            return _awaited(ASYNCHRONOUS[name](connection, arguments))
    raise TypeError(
        f"a {type(connection).__module__}.{type(connection).__qualname__} is no connection that ghostwatch knows. "
        f"It takes {ACCEPTED}."
    )


async def _awaited(answer: Awaitable[str]) -> str:
    try:
        return await answer
    except Exception as error:
        _explain(error)
        raise


def _explain(error: Exception) -> None:
    if is_not_installed(error):
        raise CommandError("ghostwatch is not installed in the database of this connection") from error


def _psycopg(connection: Any, arguments: Arguments) -> str:
    from psycopg.rows import tuple_row

    # A connection may give its rows as dictionaries or objects, and a cursor of it would.
    with connection.cursor(row_factory=tuple_row) as cursor:
        return _only_value(cursor.execute(NAMED_QUERY, arguments).fetchone())


def _psycopg2(connection: Any, arguments: Arguments) -> str:
    from psycopg2.extensions import cursor as tuple_cursor

    with connection.cursor(cursor_factory=tuple_cursor) as cursor:
        cursor.execute(NAMED_QUERY, arguments)
        return _only_value(cursor.fetchone())


def _django(connection: Any, arguments: Arguments) -> str:
    if connection.vendor != "postgresql":
        raise TypeError(f"this connection of Django leads to {connection.vendor}, not to PostgreSQL")
    with connection.cursor() as cursor:
        cursor.execute(NAMED_QUERY, arguments)
        return _only_value(cursor.fetchone())


def _sqlalchemy(connection: Any, arguments: Arguments) -> str:
    from sqlalchemy import text

    return str(connection.execute(text(SQLALCHEMY_QUERY), arguments).scalar_one())


async def _async_psycopg(connection: Any, arguments: Arguments) -> str:
    from psycopg.rows import tuple_row

    async with connection.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(NAMED_QUERY, arguments)
        return _only_value(await cursor.fetchone())


async def _async_sqlalchemy(connection: Any, arguments: Arguments) -> str:
    from sqlalchemy import text

    return str((await connection.execute(text(SQLALCHEMY_QUERY), arguments)).scalar_one())


async def _asyncpg(connection: Any, arguments: Arguments) -> str:
    return str(await connection.fetchval(ASYNCPG_QUERY, *arguments.values()))


def _only_value(row: Any) -> str:
    (value,) = row
    return str(value)


SYNCHRONOUS: Final[dict[str, Callable[[Any, Arguments], str]]] = {
    "psycopg.Connection": _psycopg,
    "psycopg2.extensions.connection": _psycopg2,
    "sqlalchemy.engine.base.Connection": _sqlalchemy,
    "sqlalchemy.orm.session.Session": _sqlalchemy,
    "sqlalchemy.orm.scoping.scoped_session": _sqlalchemy,
    "django.db.backends.base.base.BaseDatabaseWrapper": _django,
    "django.utils.connection.ConnectionProxy": _django,
}
ASYNCHRONOUS: Final[dict[str, Callable[[Any, Arguments], Awaitable[str]]]] = {
    "psycopg.AsyncConnection": _async_psycopg,
    "sqlalchemy.ext.asyncio.engine.AsyncConnection": _async_sqlalchemy,
    "sqlalchemy.ext.asyncio.session.AsyncSession": _async_sqlalchemy,
    "sqlalchemy.ext.asyncio.scoping.async_scoped_session": _async_sqlalchemy,
    "asyncpg.connection.Connection": _asyncpg,
    "asyncpg.pool.PoolConnectionProxy": _asyncpg,
}
ACCEPTED: Final = (
    "a Connection or AsyncConnection of psycopg; a connection of psycopg2; a Connection, Session, AsyncConnection or "
    "AsyncSession of SQLAlchemy; a Connection of asyncpg, also out of a pool; django.db.connection"
)
