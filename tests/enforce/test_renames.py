"""Renamed, swapped and re-created tables: enforcement goes on, or its end is reported."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from psycopg import sql

from tests.enforce.conftest import Shop


@pytest.fixture
def enforced(shop: Shop) -> Shop:
    """The shop, in which half-made accounts are refused."""
    shop.as_owner("SELECT * FROM ghostwatch.enforce('welcome', 'reject')")
    return shop


def test_a_related_table_is_renamed(enforced: Shop) -> None:
    """Enforcement follows it, for this clause and the others."""
    enforced.as_owner("ALTER TABLE shop.greeting RENAME TO hello")
    assert enforced.sign_up(1) == "GW079"
    assert enforced.sign_up(2, "hello") == "GW079"
    assert enforced.sign_up(3, "locker") == "GW079"
    assert enforced.sign_up(4, "hello", "locker") is None
    ((finding, advice),) = enforced.findings("triggers", "warning")
    assert "uses old names" in finding
    enforced.database.connect(enforced.owner).execute(advice.encode())
    assert enforced.findings("triggers", "warning") == []
    assert enforced.sign_up(5, "locker") == "GW079"


def test_the_subject_is_renamed_or_swapped(enforced: Shop) -> None:
    """The old table is enforced under its new name, also when another one takes the old name."""
    enforced.as_owner("ALTER TABLE shop.account RENAME TO customer; ALTER TABLE shop.customer RENAME id TO number")
    enforced.as_owner("ALTER TABLE shop.customer RENAME number TO id")
    enforced.as_owner("CREATE TABLE shop.account (LIKE shop.customer INCLUDING ALL)")
    assert enforced.sign_up(1) is None
    with pytest.raises(psycopg.Error, match=r"shop\.customer 2 cannot be committed without greeting, locker"):
        enforced.database.execute("INSERT INTO shop.customer VALUES (2)")
    ((finding, _),) = enforced.findings("triggers", "warning")
    assert "uses old names" in finding


def test_a_related_column_is_renamed(enforced: Shop) -> None:
    """The other clauses are enforced; of this one the check run says that it fails, as does the doctor."""
    enforced.as_owner("ALTER TABLE shop.greeting RENAME account_id TO account")
    assert enforced.sign_up(1) == "GW079"
    assert enforced.sign_up(2, "locker") is None
    assert enforced.warnings == [
        "clause greeting of contract welcome could not be enforced: column account_id of shop.greeting does not exist"
    ]
    enforced.as_owner("CALL ghostwatch.run_checks()")
    assert enforced.database.rows("SELECT invariant, state, enforcement FROM ghostwatch.status ORDER BY invariant") == [
        ("greeting", "failing", "reject"),
        ("locker", "ok", "reject"),
    ]
    assert [finding for finding, _ in enforced.findings("checks", "error")] != []
    assert enforced.database.value("SELECT kind FROM ghostwatch.alert WHERE invariant = 'greeting'") == "check_failing"


def test_an_expression_that_fails_costs_only_its_clause(enforced: Shop) -> None:
    """A value that it cannot be evaluated for lets that clause pass, with a warning."""
    enforced.as_owner(
        """
        SELECT ghostwatch.declare_invariant(
            'welcome', 'greeting', 'shop.greeting', 'account_id',
            predicate => '1 / (s.id - 7) <> 1000', error_after => '0'
        )
        """
    )
    assert enforced.sign_up(7, "greeting") == "GW079"
    assert enforced.sign_up(7, "greeting", "locker") is None
    assert enforced.sign_up(8, "locker") == "GW079"


def recreate(shop: Shop, *tables: str) -> None:
    """As a downgrade and an upgrade of the application's schema do."""
    definitions = {
        "account": "id bigint PRIMARY KEY, trial boolean NOT NULL DEFAULT false, "
        "created_at timestamptz NOT NULL DEFAULT now()",
        "greeting": "account_id bigint NOT NULL, created_at timestamptz NOT NULL DEFAULT now()",
        "locker": "account_id bigint NOT NULL",
    }
    with shop.database.connect(shop.owner) as session:
        for table in tables:
            session.execute(f"DROP TABLE shop.{table}; CREATE TABLE shop.{table} ({definitions[table]})".encode())


def test_tables_that_are_created_anew_are_found_by_name(enforced: Shop) -> None:
    """The next check run takes them up, and they are enforced."""
    recreate(enforced, "account", "greeting", "locker")
    assert enforced.sign_up(1) is None
    assert [finding for finding, _ in enforced.findings("tables", "error")] != []
    enforced.as_owner("CALL ghostwatch.run_checks()")
    assert enforced.findings("tables", "error") == []
    assert enforced.findings("triggers", "error") == []
    assert enforced.sign_up(2) == "GW079"
    assert enforced.sign_up(3, "greeting", "locker") is None
    enforced.as_owner("CALL ghostwatch.run_checks()")
    assert enforced.database.rows("SELECT invariant, state, error_count FROM ghostwatch.status ORDER BY invariant") == [
        ("greeting", "error", 1),
        ("locker", "error", 1),
    ]


def test_a_renamed_table_is_found_by_its_last_name(enforced: Shop) -> None:
    """The name is that of the last check run, not of the declaration."""
    enforced.as_owner("ALTER TABLE shop.greeting RENAME TO hello")
    enforced.as_owner("CALL ghostwatch.run_checks()")
    enforced.as_owner("DROP TABLE shop.hello; CREATE TABLE shop.hello (account_id bigint NOT NULL)")
    enforced.as_owner("CALL ghostwatch.run_checks()")
    assert enforced.sign_up(1, "locker") == "GW079"
    assert enforced.sign_up(2, "locker", "hello") is None


def test_a_dropped_table_is_named(enforced: Shop, make_role: Callable[[], str]) -> None:
    """By its name in the error; one that a stranger put in its place is not taken up."""
    enforced.as_owner("DROP TABLE shop.greeting")
    assert enforced.sign_up(2, "locker") is None
    assert enforced.warnings == [
        "clause greeting of contract welcome could not be enforced: table shop.greeting was dropped"
    ]
    enforced.as_owner("CALL ghostwatch.run_checks()")
    ((error,),) = enforced.database.rows(
        "SELECT last_error FROM ghostwatch.check_progress WHERE last_error_state = 'GW002'"
    )
    assert error == "table shop.greeting was dropped"

    stranger = make_role()
    enforced.database.connection.execute(
        sql.SQL("GRANT CREATE, USAGE ON SCHEMA shop TO {0}").format(sql.Identifier(stranger))
    )
    enforced.database.connect(stranger).execute(
        "CREATE TABLE shop.greeting (account_id bigint NOT NULL); GRANT SELECT ON shop.greeting TO PUBLIC"
    )
    enforced.as_owner("CALL ghostwatch.run_checks()")
    ((error,),) = enforced.database.rows(
        "SELECT last_error FROM ghostwatch.check_progress WHERE last_error_state = 'GW002'"
    )
    assert error == f'table shop.greeting was dropped, and the table of that name belongs to role "{stranger}"'
    assert enforced.sign_up(1) == "GW079"
