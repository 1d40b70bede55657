"""The roles that attack."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from psycopg import sql

from tests.support.attacks import alert_of_the_superuser
from tests.support.database import Database


@pytest.fixture
def stranger(database: Database, make_role: Callable[[], str]) -> str:
    """A role that may connect and create in public, and nothing else: what PostgreSQL 14 lets everybody do."""
    role = make_role()
    database.connection.execute(sql.SQL("GRANT CREATE ON SCHEMA public TO {}").format(sql.Identifier(role)))
    return role


@pytest.fixture
def operator(database: Database, make_role: Callable[[], str]) -> str:
    """A role with grant_operator()."""
    role = make_role()
    database.execute("SELECT ghostwatch.grant_operator(%s)", role)
    return role


@pytest.fixture
def watched(database: Database) -> Database:
    """A database with a contract of the superuser, a firing alert, a channel and an event with a user's name."""
    alert_of_the_superuser(database)
    database.execute("SELECT ghostwatch.post_event('user_started', '1', '{\"first_name\": \"Anna\"}')")
    return database


def refused(sqlstate: str, attack: Callable[[], object]) -> psycopg.Error:
    """The attack fails with this error."""
    with pytest.raises(psycopg.Error) as caught:
        attack()
    assert caught.value.sqlstate == sqlstate, caught.value
    return caught.value
