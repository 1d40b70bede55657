"""Enforcement in the transactions of roles that know nothing of ghostwatch, and through a database's life."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.support.database import Database

TRIGGERS = "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname LIKE 'ghostwatch%'"
FUNCTIONS = "SELECT proname FROM pg_proc WHERE proname LIKE 'ghostwatch\\_enforce%'"


@pytest.fixture
def owner(database: Database, make_role: Callable[[], str]) -> str:
    """A role, no superuser, that owns a schema with two tables and declared a contract over them."""
    role = make_role()
    database.execute("SELECT ghostwatch.grant_operator(%s)", role)
    database.connection.execute(sql.SQL("CREATE SCHEMA shop AUTHORIZATION {}").format(sql.Identifier(role)))
    database.connect(role).execute(
        """
        CREATE TABLE shop.account (id bigint PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT now());
        CREATE TABLE shop.greeting (account_id bigint NOT NULL);
        CREATE TABLE shop.secret (account_id bigint NOT NULL);
        SELECT ghostwatch.declare_contract('welcome', 'shop.account');
        SELECT ghostwatch.declare_invariant('welcome', 'greeting', 'shop.greeting', 'account_id',
            predicate => 'EXISTS (SELECT FROM shop.secret AS x WHERE x.account_id = s.id)', error_after => '0');
        """
    )
    return role


def enforce(database: Database, owner: str, mode: str) -> None:
    """Turns enforcement on as the contract's owner."""
    database.connect(owner).execute("SELECT * FROM ghostwatch.enforce('welcome', %s, force => true)", [mode])


def test_a_client_is_told_what_is_missing(database: Database, owner: str) -> None:
    """At COMMIT, in the fields in which a driver looks for it."""
    enforce(database, owner, "reject")
    session = database.connect(autocommit=False)
    session.execute("INSERT INTO shop.account VALUES (7)")

    with pytest.raises(psycopg.Error) as refused:
        session.commit()

    told = refused.value.diag
    assert told.sqlstate == "GW079"
    assert (told.schema_name, told.table_name, told.constraint_name) == ("shop", "account", "welcome.greeting")
    assert told.message_primary == "shop.account 7 cannot be committed without greeting"
    assert "key 7" in (told.message_detail or "")
    assert "same transaction" in (told.message_hint or "")


def test_it_judges_with_the_rights_of_the_declarer(
    database: Database, owner: str, make_role: Callable[[], str]
) -> None:
    """An application needs no right on what a clause reads, nor on ghostwatch."""
    enforce(database, owner, "reject")
    app = make_role()
    database.connection.execute(
        sql.SQL("GRANT USAGE ON SCHEMA shop TO {0}; GRANT INSERT ON shop.account, shop.greeting TO {0}").format(
            sql.Identifier(app)
        )
    )
    database.execute("INSERT INTO shop.secret VALUES (1)")

    session = database.connect(app, autocommit=False)
    session.execute("INSERT INTO shop.account VALUES (1)")
    session.execute("INSERT INTO shop.greeting VALUES (1)")
    session.commit()
    session.execute("INSERT INTO shop.account VALUES (2)")
    session.execute("INSERT INTO shop.greeting VALUES (2)")
    with pytest.raises(psycopg.Error, match="cannot be committed") as refused:
        session.commit()
    assert refused.value.sqlstate == "GW079"


def test_it_gives_the_declarer_no_right_of_whoever_writes(
    database: Database, owner: str, make_role: Callable[[], str]
) -> None:
    """A predicate cannot do in a superuser's transaction what its author may not do."""
    database.connect(owner).execute(
        """
        CREATE FUNCTION shop.snoop() RETURNS boolean LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'judged by %', current_user USING ERRCODE = 'P0001';
        END $$;
        SELECT ghostwatch.declare_invariant('welcome', 'greeting', 'shop.greeting', 'account_id',
            predicate => 'shop.snoop()', error_after => '0');
        """
    )
    enforce(database, owner, "reject")
    warnings: list[str] = []
    database.connection.add_notice_handler(lambda diagnostic: warnings.append(diagnostic.message_primary or ""))
    database.execute("BEGIN; INSERT INTO shop.greeting VALUES (1); INSERT INTO shop.account VALUES (1); COMMIT")
    assert warnings == [f"clause greeting of contract welcome could not be enforced: judged by {owner}"]


def test_only_the_owner_enforces(database: Database, owner: str) -> None:
    """A superuser is sent to that role, for the function would be theirs."""
    with pytest.raises(psycopg.Error) as refused:
        database.execute("SELECT * FROM ghostwatch.enforce('welcome', 'reject')")
    assert refused.value.sqlstate == "GW073"
    assert f'SET ROLE "{owner}"' in (refused.value.diag.message_hint or "")
    assert database.rows(FUNCTIONS) == []


def test_nobody_may_call_its_function(database: Database, owner: str) -> None:
    """It is not executable by PUBLIC."""
    enforce(database, owner, "reject")
    assert database.rows(
        f"""
        SELECT a.grantee::regrole::text
        FROM pg_proc, LATERAL aclexplode(proacl) AS a
        WHERE proname IN ({FUNCTIONS})
        """
    ) == [(f'"{owner}"',)]


def test_warn_records_at_once(database: Database, owner: str, make_role: Callable[[], str]) -> None:
    """With the owner's rights, for an application without any."""
    enforce(database, owner, "warn")
    app = make_role()
    database.connection.execute(
        sql.SQL("GRANT USAGE ON SCHEMA shop TO {0}; GRANT INSERT ON shop.account TO {0}").format(sql.Identifier(app))
    )
    database.connect(app).execute("INSERT INTO shop.account VALUES (1)")
    assert database.rows("SELECT subject_key, state FROM ghostwatch.violation") == [("1", "error")]


def test_a_prepared_transaction_is_refused_when_it_is_prepared(database: Database, owner: str) -> None:
    """Later it could not be."""
    enforce(database, owner, "reject")
    session = database.connect()
    session.execute("BEGIN; INSERT INTO shop.account VALUES (1)")
    with pytest.raises(psycopg.Error) as refused:
        session.execute("PREPARE TRANSACTION 'half'")
    assert refused.value.sqlstate == "GW079"


@pytest.mark.both_kinds
@pytest.mark.pg_dump
def test_it_survives_a_dump(database: Database, empty_database: Database, owner: str, tmp_path: Path) -> None:
    """Restored rows are not judged again, new ones are, with the same owner's rights."""
    database.execute("INSERT INTO shop.account VALUES (1)")
    enforce(database, owner, "reject")

    dump = tmp_path / "dump.sql"
    dump.write_text(database.server.dump(database.name), encoding="utf-8")
    restored = database.server.psql_file(dump, empty_database.name)

    assert restored.stderr == ""
    assert empty_database.value("SELECT count(*) FROM shop.account") == 1
    with pytest.raises(psycopg.Error) as refused:
        empty_database.execute("INSERT INTO shop.account VALUES (2)")
    assert refused.value.sqlstate == "GW079"
    empty_database.connect(owner).execute("SELECT ghostwatch.drop_contract('welcome')")
    empty_database.execute("INSERT INTO shop.account VALUES (2)")
    assert empty_database.rows(FUNCTIONS) == []


@pytest.mark.both_kinds
def test_it_ends_with_ghostwatch(database: Database, owner: str) -> None:
    """Whichever way that is removed, the table can be written afterwards."""
    enforce(database, owner, "reject")
    if database.kind == "extension":
        with pytest.raises(psycopg.errors.DependentObjectsStillExist, match="trigger ghostwatch_enforce"):
            database.execute("DROP EXTENSION ghostwatch, ghostwatch_onboarding")
        database.execute("DROP EXTENSION ghostwatch, ghostwatch_onboarding CASCADE")
    else:
        database.execute("DROP SCHEMA ghostwatch, onboarding CASCADE")
    assert database.rows(TRIGGERS) == []
    database.execute("INSERT INTO shop.account VALUES (1)")


def test_it_follows_a_table_that_moves(database: Database, owner: str) -> None:
    """A rename or another schema changes nothing for the clauses that name no table."""
    enforce(database, owner, "reject")
    with database.connect(owner) as session:
        session.execute(
            """
            SELECT ghostwatch.declare_invariant(
                'welcome', 'greeting', 'shop.greeting', 'account_id', error_after => '0'
            );
            ALTER TABLE shop.account RENAME TO customer;
            SELECT ghostwatch.declare_invariant(
                'welcome', 'secret', 'shop.secret', 'account_id', error_after => '0'
            );
            """
        )
    with pytest.raises(psycopg.Error, match=r"shop\.customer 1 cannot be committed without greeting, secret"):
        database.execute("INSERT INTO shop.customer VALUES (1)")


def test_a_session_that_is_at_work_follows_a_change(database: Database, owner: str) -> None:
    """What it planned before counts no more."""
    enforce(database, owner, "reject")
    database.execute("INSERT INTO shop.secret SELECT generate_series(1, 20)")
    session = database.connect(autocommit=False)
    for key in range(1, 11):
        session.execute("INSERT INTO shop.account VALUES (%s)", [key])
        session.execute("INSERT INTO shop.greeting VALUES (%s)", [key])
        session.commit()

    database.connect(owner).execute("SELECT ghostwatch.drop_invariant('welcome', 'greeting')")

    session.execute("INSERT INTO shop.account VALUES (11)")
    session.commit()


def test_signups_at_once(database: Database, owner: str) -> None:
    """Eight sessions, each with complete and incomplete transactions: exactly the incomplete ones are refused."""
    enforce(database, owner, "reject")
    database.execute("INSERT INTO shop.secret SELECT generate_series(1, 400)")
    refused: list[int] = []

    def sign_up(keys: range) -> None:
        with database.connect(autocommit=False) as session:
            for key in keys:
                session.execute("INSERT INTO shop.account VALUES (%s)", [key])
                if key % 10:
                    session.execute("INSERT INTO shop.greeting VALUES (%s)", [key])
                try:
                    session.commit()
                except psycopg.Error as error:
                    assert error.sqlstate == "GW079"
                    session.rollback()
                    refused.append(key)

    threads = [threading.Thread(target=sign_up, args=[range(first, 401, 8)]) for first in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(refused) == list(range(10, 401, 10))
    assert database.value("SELECT count(*) FROM shop.account") == 360
