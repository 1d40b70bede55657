"""The fixture assert_contract, and the onboarding contract. The examples of docs/testing.md: tests/prove."""

from __future__ import annotations

import psycopg
import psycopg.rows
import pytest

from ghostwatch.testing import ClauseNotJudged
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


def test_a_moment_later_than_now_proves_the_first_meme(bot: Database, assert_contract: AssertContract) -> None:
    """Until it is due, it is reported as not judged; then it is missing."""
    bot.execute("SELECT onboarding.start(1, 'Anna')")
    with pytest.warns(ClauseNotJudged, match="first_meme: Not judged"):
        assert_contract("onboarding", 1, connection=bot.connection, as_of="30 seconds")
    with pytest.raises(AssertionError, match="first_meme: Does not have a first meme yet"):
        assert_contract("onboarding", 1, connection=bot.connection, as_of="10 minutes")
    bot.execute("INSERT INTO public.user_meme_reaction (user_id, meme_id) VALUES (1, 1)")
    assert_contract("onboarding", 1, connection=bot.connection, as_of="10 minutes")


@pytest.mark.parametrize("time_zone", ["America/Sao_Paulo", "UTC"])
def test_births_in_another_zone_than_the_contract_reads(
    bot: Database, assert_contract: AssertContract, time_zone: str
) -> None:
    """The test fails whatever rows there are, since check runs would come three hours late."""
    bot.execute('ALTER TABLE public."user" ALTER created_at TYPE timestamp')
    bot.execute("SELECT ghostwatch.declare_contract('onboarding', 'public.\"user\"', time_zone => %s)", time_zone)
    bot.execute("SET TimeZone TO 'UTC'")
    bot.execute("SELECT onboarding.start(1, 'Anna')")
    bot.execute("""UPDATE public."user" SET created_at = now()""")
    if time_zone == "UTC":
        assert_contract("onboarding", 1, connection=bot.connection, leave_out=["first_meme"])
        return
    with pytest.raises(AssertionError, match=r"Born in the future.*America/Sao_Paulo.*clock of the database"):
        assert_contract("onboarding", 1, connection=bot.connection, leave_out=["first_meme"])


def test_a_contract_without_clauses_proves_nothing(bot: Database, assert_contract: AssertContract) -> None:
    bot.execute("SELECT onboarding.start(1, 'Anna')")
    bot.execute("SELECT ghostwatch.declare_contract('empty', 'public.user_tg')")
    with pytest.raises(AssertionError, match="no clause"):
        assert_contract("empty", 1, connection=bot.connection)


def test_a_contract_that_is_not_there_is_an_error(bot: Database, assert_contract: AssertContract) -> None:
    with pytest.raises(psycopg.Error) as raised:
        assert_contract("nothing", 1, connection=bot.connection)
    assert raised.value.sqlstate == "GW001"
