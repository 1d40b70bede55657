"""An application's role can call start() and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.support.database import Database


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


@pytest.mark.parametrize("role", ["nobody_at_all", None])
def test_an_unknown_role_is_named(bot: Database, role: str | None) -> None:
    """With the statement that makes it."""
    with pytest.raises(psycopg.Error) as refused:
        bot.execute("SELECT onboarding.grant_app(%s)", role)
    assert refused.value.sqlstate == "GW057"
    assert "CREATE ROLE" in (refused.value.diag.message_hint or "")


@pytest.fixture
def installer(empty_database: Database, make_role: Callable[[], str]) -> str:
    """A role, no superuser, that installed both extensions in a database of somebody else."""
    role = make_role()
    for statement in ("GRANT CREATE ON DATABASE {1} TO {0}", "GRANT CREATE ON SCHEMA public TO {0}"):
        empty_database.connection.execute(
            sql.SQL(statement).format(sql.Identifier(role), sql.Identifier(empty_database.name))
        )
    session = empty_database.connect(role)
    session.execute("CREATE EXTENSION ghostwatch")
    session.execute("CREATE EXTENSION ghostwatch_onboarding")
    return role


def test_the_installer_needs_no_superuser(empty_database: Database, installer: str) -> None:
    """To adopt, to start, and to enforce."""
    session = empty_database.connect(installer)
    session.execute("SELECT FROM onboarding.adopt()")
    session.execute("SELECT FROM ghostwatch.enforce('onboarding', 'reject')")
    session.execute("SELECT FROM onboarding.start(1, 'Anna')")
    with pytest.raises(psycopg.Error, match="cannot be committed"):
        session.execute("INSERT INTO public.\"user\" (id, type) VALUES (2, 'user')")


def test_only_the_installer_can_grant(empty_database: Database, installer: str, make_role: Callable[[], str]) -> None:
    """GRANT itself would only warn, and give nothing."""
    somebody = make_role()
    empty_database.execute("SELECT ghostwatch.grant_operator(%s)", somebody)
    for statement in ("GRANT USAGE ON SCHEMA onboarding TO {}", "GRANT EXECUTE ON FUNCTION onboarding.grant_app TO {}"):
        empty_database.connection.execute(sql.SQL(statement).format(sql.Identifier(somebody)))
    session = empty_database.connect(somebody)
    with pytest.raises(psycopg.Error, match="cannot grant privileges on onboarding") as refused:
        session.execute("SELECT onboarding.grant_app('postgres')")
    assert refused.value.sqlstate == "GW058"
    assert f'SET ROLE "{installer}"' in (refused.value.diag.message_hint or "")


def test_start_can_write_tables_that_another_role_created(empty_database: Database, installer: str) -> None:
    """start() runs as the installer; whoever adopts gives it what it needs on the tables that are created."""
    empty_database.execute("SELECT FROM onboarding.adopt()")
    empty_database.connect(installer).execute("SELECT FROM onboarding.start(1, 'Anna')")


def test_what_start_may_not_write_is_said(empty_database: Database, installer: str) -> None:
    """With the statements that give it the right."""
    empty_database.execute((Path(__file__).with_name("existing_bot.psql")).read_text(encoding="utf-8"))
    empty_database.connection.execute(
        sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {}").format(sql.Identifier(installer))
    )
    session = empty_database.connect(installer)
    advice_on_grants = "SELECT advice FROM onboarding.adopt(keep_own_start => %s) WHERE advice LIKE 'GRANT%%'"
    # An application that keeps its own /start needs no rights for ours.
    assert session.execute(advice_on_grants, [True]).fetchall() == []
    found = session.execute(advice_on_grants, [False]).fetchall()

    assert {advice for (advice,) in found} == {
        f'GRANT INSERT, UPDATE ON public.{table} TO "{installer}";'
        for table in ('"user"', "user_tg", "user_language", "user_deep_link_log")
    }
    for (advice,) in found:
        empty_database.execute(advice)
    session.execute("SELECT FROM onboarding.start(1, 'Anna')")
