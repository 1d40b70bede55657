"""How declarations and checks may be called, and beside what they work."""

from __future__ import annotations

from typing import LiteralString

import psycopg
import pytest

from tests.detect.bot import Bot, minutes
from tests.support.database import Database


def test_contract_and_invariant_in_one_statement(database: Database) -> None:
    """For one tenant, and for many in a loop."""
    Bot.create(database)
    database.execute(
        """
        SELECT
            ghostwatch.declare_contract('tenant_' || tenant, '"user"'),
            ghostwatch.declare_invariant('tenant_' || tenant, 'first_meme', 'user_meme_reaction', 'user_id'),
            ghostwatch.declare_branch_family('tenant_' || tenant, 'kitchen', 'kitchen')
        FROM generate_series(1, 3) AS tenant
        """
    )
    assert database.value("SELECT count(*) FROM ghostwatch._clause") == 3


def test_a_key_may_be_a_number(bot: Bot) -> None:
    """As text, as an integer and as a bigint it is the same subject."""
    bot.sign_up(42, minutes(3))
    keys: list[LiteralString] = ["'42'", "42", "42::bigint"]
    for key in keys:
        rows = bot.database.rows("SELECT invariant, state FROM ghostwatch.check_subject('onboarding', " + key + ")")
        assert rows == [("first_meme", "broken")], key


def test_checks_work_beside_a_publication_of_all_tables(bot: Bot) -> None:
    """Every table has a replica identity, so that its rows can be updated and deleted."""
    database = bot.database
    without_key = database.rows(
        """
        SELECT c.relname FROM pg_class AS c
        WHERE c.relnamespace = 'ghostwatch'::regnamespace AND c.relkind = 'r'
            AND NOT EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = c.oid AND i.indisprimary)
        """
    )
    assert without_key == []
    bot.declare_contract(capture=True)
    database.execute("CREATE PUBLICATION everything FOR ALL TABLES")
    bot.sign_up(1)
    bot.run_every_minute(minutes(30))
    assert bot.states() == {"1": "expired"}
    assert bot.progress("last_error") is None
    assert database.value("SELECT count(*) FROM ghostwatch.arrival") == 0


def test_a_key_that_comes_twice_at_one_moment(bot: Bot) -> None:
    """Deleted and inserted again before the clock moves, it arrives once and stops no signup."""
    bot.declare_contract(capture=True)
    bot.sign_up(1)
    bot.delete(1)
    bot.sign_up(1)
    assert bot.database.rows("SELECT subject_key FROM ghostwatch.arrival") == [("1",)]
    assert bot.database.value("SELECT count(*) FROM ghostwatch.capture_failure") == 0


def test_checks_refuse_a_transaction_block(bot: Bot) -> None:
    """They commit after each invariant; the error says so, and what to type."""
    with bot.database.connect(autocommit=False) as connection:
        connection.execute("SELECT 1")
        with pytest.raises(psycopg.Error, match="cannot run in a transaction block") as refused:
            connection.execute("CALL ghostwatch.run_checks()")
        connection.rollback()
    assert refused.value.sqlstate == "GW022"
    assert refused.value.diag.message_hint == "COMMIT; then, with autocommit on: CALL ghostwatch.run_checks();"


def test_checks_refuse_a_read_only_transaction(bot: Bot) -> None:
    """So they do on a standby."""
    bot.database.execute("SET default_transaction_read_only = on")
    with pytest.raises(psycopg.Error, match="cannot run in a read-only transaction") as refused:
        bot.run()
    assert refused.value.sqlstate == "GW023"
    assert refused.value.diag.message_hint == "SET default_transaction_read_only = off; CALL ghostwatch.run_checks();"


@pytest.mark.parametrize(
    "call",
    [
        "declare_contract(NULL, '\"user\"')",
        "declare_contract('shop', NULL)",
        "declare_invariant(NULL, 'first_meme', 'user_meme_reaction', 'user_id')",
        "declare_invariant('onboarding', NULL, 'user_meme_reaction', 'user_id')",
        "declare_invariant('onboarding', 'second_meme', NULL, 'user_id')",
        "declare_invariant('onboarding', 'second_meme', 'user_meme_reaction', NULL)",
        "declare_invariant('onboarding', 'first_meme', 'user_meme_reaction', 'user_id', min_rate => 'NaN')",
        "declare_invariant('onboarding', 'first_meme', 'user_meme_reaction', 'user_id', expected_rate => 'infinity')",
        "declare_branch_family(NULL, 'kitchen', 'kitchen')",
        "declare_branch_family('onboarding', NULL, 'kitchen')",
        "declare_branch_family('onboarding', 'kitchen', NULL)",
        "drop_branch_family(NULL, 'kitchen')",
        "drop_contract(NULL)",
        "drop_invariant('onboarding', NULL)",
        "ghost_summary(NULL, 'first_meme')",
        "ghost_summary('onboarding', NULL)",
        "check_subject(NULL, '42')",
        "check_subject('onboarding', NULL::text)",
        "check_subject('onboarding', NULL::bigint)",
    ],
)
def test_a_missing_or_endless_argument_has_an_error_of_its_own(bot: Bot, call: LiteralString) -> None:
    """With a code of ours and a hint, never one from inside."""
    with pytest.raises(psycopg.Error) as refused:
        bot.database.execute("SELECT ghostwatch." + call)
    assert (refused.value.sqlstate or "").startswith("GW")
    assert refused.value.diag.message_hint
