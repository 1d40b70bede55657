"""Ways around a check at COMMIT: closed where PostgreSQL allows, otherwise found by the next check run."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from psycopg import sql

from tests.enforce.conftest import Shop
from tests.support.attacks import roles_that_ran_a_hostile_cast


@pytest.fixture
def enforced(shop: Shop) -> Shop:
    """The shop, in which half-made accounts are refused."""
    shop.as_owner("SELECT * FROM ghostwatch.enforce('welcome', 'reject')")
    return shop


def violations(shop: Shop) -> list[tuple[str, str, str]]:
    """What the next check run records."""
    shop.as_owner("CALL ghostwatch.run_checks()")
    return shop.database.rows(
        """
        SELECT i.name, v.subject_key, v.state
        FROM ghostwatch.violation AS v INNER JOIN ghostwatch.invariant AS i USING (invariant_id) ORDER BY 1, 2
        """
    )


@pytest.mark.attack(
    "changing the key after the insertion, to evade enforcement", role="anyone who inserts", result="judged at COMMIT"
)
@pytest.mark.both_kinds
def test_a_key_that_is_changed_is_judged(enforced: Shop) -> None:
    """In the transaction of the account, and in any later one."""
    with enforced.database.connect(autocommit=False) as session:
        session.execute("INSERT INTO shop.account VALUES (1)")
        session.execute("UPDATE shop.account SET id = 2 WHERE id = 1")
        with pytest.raises(psycopg.Error, match=r"shop\.account 2 cannot be committed without greeting, locker"):
            session.commit()

    assert enforced.sign_up(3, "greeting", "locker") is None
    with pytest.raises(psycopg.Error, match=r"shop\.account 4 cannot be committed"):
        enforced.database.execute("UPDATE shop.account SET id = 4")
    enforced.database.execute("UPDATE shop.account SET id = 3, trial = false")


@pytest.mark.attack(
    "`SET CONSTRAINTS ALL IMMEDIATE`, then deleting the row",
    role="anyone who inserts",
    result="passes; found by the next check run",
)
@pytest.mark.both_kinds
def test_a_moment_of_completeness_is_found_by_the_check_run(enforced: Shop) -> None:
    """Judged early by SET CONSTRAINTS, and taken back in the same transaction: nothing fires any more."""
    with enforced.database.connect(autocommit=False) as session:
        session.execute("INSERT INTO shop.account VALUES (1)")
        session.execute("INSERT INTO shop.greeting VALUES (1)")
        session.execute("INSERT INTO shop.locker VALUES (1)")
        session.execute("SET CONSTRAINTS ALL IMMEDIATE")
        session.execute("DELETE FROM shop.greeting")
        session.commit()
    assert violations(enforced) == [("greeting", "1", "error")]


@pytest.mark.attack(
    "`session_replication_role`, or disabled triggers",
    role="superuser, owner of the table",
    result="passes; found by the next check run and the doctor",
)
@pytest.mark.both_kinds
def test_what_skips_triggers_is_found_by_the_check_run(enforced: Shop) -> None:
    """As replication and the table's owner can."""
    enforced.database.execute("SET session_replication_role = replica; INSERT INTO shop.account VALUES (1)")
    enforced.as_owner("ALTER TABLE shop.account DISABLE TRIGGER USER; INSERT INTO shop.account VALUES (2)")
    assert [key for _, key, _ in violations(enforced)] == ["1", "2", "1", "2"]
    assert "a disabled trigger" in enforced.findings("triggers", "error")[0][0]


@pytest.mark.attack(
    "the trigger function on a temporary table with a hostile cast and operator",
    role="a role with EXECUTE on it",
    result="it reads nothing",
)
@pytest.mark.both_kinds
def test_a_function_on_the_table_of_another(enforced: Shop, make_role: Callable[[], str]) -> None:
    """Somebody who may execute it after all gets no code of theirs run with the owner's rights."""
    function = enforced.database.value(
        "SELECT oid::regproc::text FROM pg_proc WHERE proname LIKE 'ghostwatch\\_enforce%%'"
    )
    assert roles_that_ran_a_hostile_cast(enforced.database, make_role(), function, "FOR EACH ROW") == []


@pytest.mark.attack(
    "creating the trigger function before ghostwatch does, to keep its grants",
    role="a role with CREATE on the schema",
    result="refused (GW076)",
)
@pytest.mark.both_kinds
def test_a_function_that_was_put_there_beforehand(shop: Shop, make_role: Callable[[], str]) -> None:
    """GW076: replaced, it would keep what its author granted."""
    stranger = make_role()
    enforcement = shop.database.value("SELECT ghostwatch._enforcement_name(contract_id)::text FROM ghostwatch.contract")
    shop.database.connection.execute(
        sql.SQL("GRANT CREATE, USAGE ON SCHEMA shop TO {0}").format(sql.Identifier(stranger))
    )
    shop.database.connect(stranger).execute(
        sql.SQL("CREATE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'").format(
            sql.Identifier("shop", enforcement)
        )
    )
    with pytest.raises(psycopg.Error, match=f'belongs to role "{stranger}"') as refused:
        shop.as_owner("SELECT * FROM ghostwatch.enforce('welcome', 'reject')")
    assert refused.value.sqlstate == "GW076"
    assert "DROP FUNCTION" in (refused.value.diag.message_hint or "")


@pytest.mark.attack("default privileges on the trigger function", role="any role", result="revoked")
@pytest.mark.both_kinds
def test_default_privileges_give_nobody_the_function(shop: Shop, make_role: Callable[[], str]) -> None:
    """Whatever the owner's default privileges say, nobody else may execute it."""
    stranger = make_role()
    shop.database.connect(shop.owner).execute(
        sql.SQL("ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO {}").format(sql.Identifier(stranger))
    )
    shop.as_owner("SELECT * FROM ghostwatch.enforce('welcome', 'reject')")
    assert shop.database.rows(
        """
        SELECT DISTINCT a.grantee::regrole::text
        FROM pg_proc, LATERAL aclexplode(proacl) AS a WHERE proname LIKE 'ghostwatch\\_enforce%'
        """
    ) == [(f'"{shop.owner}"',)]


def test_a_trigger_that_is_gone_is_an_alert(enforced: Shop) -> None:
    """The check run tells what the doctor would; the remark of one invariant shows it, and the other is fine."""
    enforced.as_owner("ALTER TABLE shop.account DISABLE TRIGGER USER")
    enforced.as_owner("CALL ghostwatch.run_checks()")
    ((kind, error),) = enforced.database.rows("SELECT kind, evidence ->> 'last_error' FROM ghostwatch.alert")
    assert kind == "check_failing"
    assert "shop.account has a disabled trigger" in error
    assert enforced.database.rows("SELECT invariant, state FROM ghostwatch.status ORDER BY invariant") == [
        ("greeting", "failing"),
        ("locker", "ok"),
    ]
    enforced.as_owner("ALTER TABLE shop.account ENABLE TRIGGER USER")
    enforced.as_owner("CALL ghostwatch.run_checks()")
    assert enforced.database.rows("SELECT state FROM ghostwatch.alert") == [("resolved",)]


def test_the_mode_warn_refuses_nobody(shop: Shop) -> None:
    """Not even where nothing can be recorded: the signup goes through with a warning, and the check run finds it."""
    shop.as_owner("SELECT * FROM ghostwatch.enforce('welcome', 'warn')")
    shop.database.connection.execute(
        sql.SQL("REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ghostwatch FROM {}").format(sql.Identifier(shop.owner))
    )
    assert shop.sign_up(1) is None
    assert shop.database.rows("SELECT FROM ghostwatch.violation") == []
    shop.database.connection.execute(sql.SQL("SELECT ghostwatch.grant_operator({})").format(sql.Literal(shop.owner)))
    assert violations(shop) == [("greeting", "1", "error"), ("locker", "1", "error")]
