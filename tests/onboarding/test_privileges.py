"""An application's role can call start() and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from tests.database import Database


@pytest.fixture
def app(bot: Database, make_role: Callable[[], str]) -> psycopg.Connection[tuple[object, ...]]:
    """A session of an application's role."""
    role = make_role()
    bot.execute("SELECT onboarding.grant_app(%s)", role)
    return bot.connect(role)


def test_an_application_can_start_and_read_the_cache(app: psycopg.Connection[tuple[object, ...]]) -> None:
    """Without any right on a table."""
    assert app.execute("SELECT created FROM onboarding.start(1, 'Anna')").fetchone() == (True,)
    assert app.execute("SELECT user_type FROM onboarding.get_user_info(1)").fetchone() == ("user",)
    assert app.execute("SELECT user_type FROM onboarding.refresh_user_info(1)").fetchone() == ("user",)


@pytest.mark.parametrize(
    "statement",
    [
        'SELECT FROM public."user"',
        "SELECT FROM onboarding.blocked_branch",
        "SELECT FROM onboarding.user_info",
        "SELECT FROM onboarding.adopt()",
        "SELECT onboarding.grant_app('postgres')",
        "SELECT FROM ghostwatch.event",
        "SELECT FROM ghostwatch.contract",
        "SELECT ghostwatch.post_event('user_started', '1', '{}')",
        "SELECT ghostwatch.enforce('onboarding', 'reject')",
    ],
)
def test_an_application_can_do_nothing_else(app: psycopg.Connection[tuple[object, ...]], statement: str) -> None:
    """No table of the bot, the rules or ghostwatch, and no other function."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute(statement)


def test_nobody_else_can_start(bot: Database, make_role: Callable[[], str]) -> None:
    """A role that was granted nothing."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        bot.connect(make_role()).execute("SELECT onboarding.start(1, 'Anna')")


def test_an_unknown_role_is_named(bot: Database) -> None:
    """As Postgres itself says it."""
    with pytest.raises(psycopg.errors.UndefinedObject, match="nobody_at_all"):
        bot.execute("SELECT onboarding.grant_app('nobody_at_all')")
