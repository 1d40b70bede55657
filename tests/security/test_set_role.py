"""Class: a superuser that takes an operator's role for a check run lends nothing to that operator's code."""

from __future__ import annotations

from typing import LiteralString

import pytest
from psycopg import sql

from tests.security.conftest import refused
from tests.support.database import Database

# Whoever may SET ROLE back needs no privilege of the role that was set.
BODY: LiteralString = """
    DECLARE
        role_before CONSTANT text := current_user;
    BEGIN
        PERFORM set_config('role', 'none', true);
        INSERT INTO loot VALUES (current_user);
        PERFORM set_config('role', role_before, true);
        RETURN true;
    EXCEPTION WHEN insufficient_privilege THEN
        RETURN true;
    END
"""


@pytest.fixture
def hostile(database: Database, operator: str) -> str:
    """An operator whose contract and repair try to become the role that the session logged in as."""
    database.connection.execute(sql.SQL("GRANT CREATE ON SCHEMA public TO {}").format(sql.Identifier(operator)))
    session = database.connect(operator)
    for statement in (
        "CREATE TABLE loot (who text)",
        "CREATE TABLE account (id bigint PRIMARY KEY, created_at timestamptz)",
        "CREATE TABLE greeting (account_id bigint)",
        "CREATE FUNCTION spring(bigint) RETURNS boolean LANGUAGE plpgsql AS $$" + BODY + "$$",
        "SELECT ghostwatch.declare_contract('theirs', 'account', exempt_predicate => 'NOT spring(s.id)')",
        "SELECT ghostwatch.declare_invariant('theirs', 'greeted', 'greeting', 'account_id', "
        "repair => 'spring(bigint)')",
        "SELECT ghostwatch.declare_invariant('theirs', 'at_once', 'greeting', 'account_id', error_after => '0')",
        "INSERT INTO account VALUES (1, clock_timestamp() - interval '10 minutes')",
    ):
        session.execute(statement)
    return operator


@pytest.mark.attack(
    "becoming the superuser that took the operator's role for a check run or a repair, by `SET ROLE`",
    role="operator",
    result="refused (GW020)",
)
@pytest.mark.both_kinds
@pytest.mark.parametrize("takes", ["SET ROLE {}", "SET SESSION AUTHORIZATION {}"])
@pytest.mark.parametrize(
    "call",
    [
        "CALL ghostwatch.run_checks()",
        "CALL ghostwatch.run_checks('theirs')",
        "CALL ghostwatch.run_due_checks()",
        "CALL ghostwatch.repair('theirs', 'greeted')",
        "SELECT * FROM ghostwatch.check_subject('theirs', '1')",
        "SELECT * FROM ghostwatch.backtest('theirs', 'greeted')",
        "SELECT * FROM ghostwatch.enforce('theirs', 'warn', dry_run => true)",
    ],
)
def test_a_superusers_session_runs_no_code_of_others(
    database: Database, hostile: str, takes: LiteralString, call: LiteralString
) -> None:
    database.connect(hostile).execute("CALL ghostwatch.run_checks()")
    assert database.rows("SELECT DISTINCT who FROM loot") in ([], [(hostile,)])
    session = database.connect()
    session.execute(sql.SQL(takes).format(sql.Identifier(hostile)))
    said = refused("GW020", lambda: session.execute(call))
    assert "Connect as role" in (said.diag.message_hint or "")
    assert database.rows("SELECT DISTINCT who FROM loot") in ([], [(hostile,)])


@pytest.mark.both_kinds
def test_the_doctor_leaves_out_what_would_run_their_code(database: Database, hostile: str) -> None:
    database.connect(hostile).execute("CALL ghostwatch.run_checks()")
    session = database.connect()
    session.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(hostile)))
    found = session.execute(
        "SELECT check_name, advice FROM ghostwatch.doctor() WHERE finding LIKE '%GW020%' ORDER BY 1"
    ).fetchall()
    assert [name for name, _ in found] == ["clocks", "indexes", "keys", "missed", "rules"]
    assert all("Connect as role" in advice for _, advice in found)
    assert database.rows("SELECT DISTINCT who FROM loot") in ([], [(hostile,)])
