"""The fixture assert_contract, and the onboarding contract. The examples of docs/testing.md: tests/prove."""

from __future__ import annotations

import psycopg
import psycopg.rows
import pytest

from ghostwatch.testing.plugin import AssertContract
from tests.support.database import Database


def test_a_transaction_that_is_never_committed_can_be_judged(bot: Database, assert_contract: AssertContract) -> None:
    with bot.connect(autocommit=False) as session:
        session.execute("SELECT onboarding.start(1, 'Anna')")
        assert_contract("onboarding", 1, connection=session, leave_out=["first_meme"])
        session.execute("DELETE FROM public.user_language")
        with pytest.raises(AssertionError, match="languages: Broken"):
            assert_contract("onboarding", 1, connection=session, leave_out=["first_meme"])
        session.rollback()


def test_rows_of_any_shape_are_read(bot: Database, assert_contract: AssertContract) -> None:
    """A connection that gives rows as dictionaries finds what is broken, too."""
    bot.execute("SELECT onboarding.start(1, 'Anna')")
    bot.execute("DELETE FROM public.user_language")
    with (
        psycopg.connect(bot.dsn, row_factory=psycopg.rows.dict_row) as session,
        pytest.raises(AssertionError, match="languages: Broken"),
    ):
        assert_contract("onboarding", 1, connection=session, leave_out=["first_meme"])


def test_what_is_not_committed_is_not_seen(
    bot: Database, assert_contract: AssertContract, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GHOSTWATCH_DSN", bot.dsn)
    with bot.connect(autocommit=False) as session:
        session.execute("SELECT onboarding.start(1, 'Anna')")
        with pytest.raises(AssertionError, match="has no row with the key '1'") as failed:
            assert_contract("onboarding", 1)
        session.commit()
    assert "only committed rows are seen" in str(failed.value)
    assert f"database {bot.name} at 127.0.0.1" in str(failed.value)
    assert_contract("onboarding", 1, leave_out=["first_meme"])


def test_a_contract_without_clauses_proves_nothing(bot: Database, assert_contract: AssertContract) -> None:
    bot.execute("SELECT onboarding.start(1, 'Anna')")
    bot.execute("SELECT ghostwatch.declare_contract('empty', 'public.user_tg')")
    with pytest.raises(AssertionError, match="no clause"):
        assert_contract("empty", 1, connection=bot.connection)


def test_a_contract_that_is_not_there_is_an_error(bot: Database, assert_contract: AssertContract) -> None:
    with pytest.raises(psycopg.Error) as raised:
        assert_contract("nothing", 1, connection=bot.connection)
    assert raised.value.sqlstate == "GW001"
