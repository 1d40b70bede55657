"""Repairs: with the rights of the contract's owner, each in its own transaction, once, and judged by the clause."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.support.cluster import Server
from tests.support.database import Database


@pytest.fixture(scope="module")
def roles(server: Server) -> Iterator[None]:
    """Who owns the contract, and who does not."""
    server.execute("CREATE ROLE repairer LOGIN")
    server.execute("CREATE ROLE repair_stranger LOGIN")
    yield
    server.execute("DROP ROLE repairer")
    server.execute("DROP ROLE repair_stranger")


@pytest.fixture
def broken(roles: None, database: Database) -> Database:
    """Five users without languages, found by a check run, and a repair that works for some of them."""
    for statement in (
        "SELECT ghostwatch.grant_operator('repairer')",
        "GRANT CREATE ON SCHEMA public TO repairer",
        "GRANT USAGE ON SCHEMA public TO repair_stranger",
    ):
        database.execute(statement)
    with database.connect("repairer") as bot:
        bot.execute("CREATE TABLE person (id bigint PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT now())")
        bot.execute(
            "CREATE TABLE language (person_id bigint REFERENCES person DEFERRABLE INITIALLY DEFERRED, code text)"
        )
        bot.execute(
            """
            CREATE FUNCTION seed(person_id bigint) RETURNS void LANGUAGE plpgsql AS $$
            BEGIN
                IF person_id = 2 THEN RETURN; END IF;
                INSERT INTO language VALUES (person_id, 'en');
                IF person_id = 3 THEN RAISE EXCEPTION 'no language for %', person_id; END IF;
                IF person_id = 4 THEN INSERT INTO language VALUES (-1, 'en'); END IF;
            END $$
            """
        )
        bot.execute("SELECT ghostwatch.declare_contract('people', 'person')")
        bot.execute(
            "SELECT ghostwatch.declare_invariant('people', 'languages', 'language', 'person_id', "
            "repair => 'seed(bigint)')"
        )
        bot.execute("INSERT INTO person SELECT n, now() - interval '10 minutes' FROM generate_series(1, 6) AS n")
        bot.execute("INSERT INTO language VALUES (6, 'en')")
        bot.execute("CALL ghostwatch.run_checks()")
    return database


REPAIR_WITH = "SELECT ghostwatch.declare_invariant('people', 'languages', repair => "
HISTORY = "SELECT subject_key, outcome, error_state FROM ghostwatch.repair_history ORDER BY subject_key"


def test_each_is_repaired_once_and_judged(broken: Database) -> None:
    """A failure undoes only itself, also one that would have come at COMMIT; the clause says what is repaired."""
    bot = broken.connect("repairer")
    assert bot.execute("CALL ghostwatch.repair('people', 'languages')").fetchone() == (2, 1, 2)
    assert bot.execute(HISTORY).fetchall() == [
        ("1", "repaired", None),
        ("2", "still broken", None),
        ("3", "failed", "P0001"),
        ("4", "failed", "23503"),
        ("5", "repaired", None),
    ]
    assert bot.execute("SELECT person_id FROM language ORDER BY 1").fetchall() == [(1,), (5,), (6,)]
    assert bot.execute("CALL ghostwatch.repair('people', 'languages')").fetchone() == (0, 0, 0)

    bot.execute("CALL ghostwatch.run_checks()")
    assert bot.execute("SELECT state, count(*) FROM ghostwatch.repair_history GROUP BY 1 ORDER BY 1").fetchall() == [
        ("error", 3),
        ("recovered", 2),
    ]


def test_what_the_application_restored_meanwhile_is_left_alone(broken: Database) -> None:
    """The clause is asked before a repair is called, too."""
    bot = broken.connect("repairer")
    bot.execute("INSERT INTO language VALUES (1, 'de')")
    assert bot.execute("CALL ghostwatch.repair('people', 'languages')").fetchone() == (1, 1, 2)
    assert bot.execute("SELECT code FROM language WHERE person_id = 1").fetchall() == [("de",)]


def test_a_dry_run_changes_nothing(broken: Database) -> None:
    """It lists whom a repair would be called for, also in a transaction block."""
    bot = broken.connect("repairer", autocommit=False)
    bot.execute("INSERT INTO language VALUES (1, 'de')")
    assert bot.execute(
        "SELECT subject_key, state FROM ghostwatch.repair('people', 'languages', dry_run => true)"
    ).fetchall() == [(str(key), "error") for key in range(2, 6)]
    assert bot.execute(HISTORY).fetchall() == []
    assert bot.execute("SELECT count(*) FROM language").fetchone() == (2,)


@pytest.mark.parametrize(
    ("user", "statement", "sqlstate"),
    [
        ("postgres", "CALL ghostwatch.repair('people', 'languages')", "GW020"),
        ("repairer", "CALL ghostwatch.repair('people', 'first_meme')", "GW007"),
        ("repairer", "SELECT * FROM ghostwatch.repair('people', 'languages', dry_run => false)", "GW068"),
        ("postgres", "SELECT * FROM ghostwatch.repair('people', 'languages', dry_run => true)", "GW020"),
        ("repairer", "SELECT ghostwatch.declare_invariant('people', 'languages', repair_limit => -1)", "GW015"),
        (
            "repairer",
            "SELECT ghostwatch.declare_invariant('people', 'languages', repair => 'nothing(bigint)')",
            "GW066",
        ),
        ("repairer", REPAIR_WITH + "'nothing(')", "GW066"),
        (
            "repairer",
            "SELECT ghostwatch.declare_invariant('people', 'languages', repair => 'pg_sleep(float8)')",
            "GW066",
        ),
        ("repairer", REPAIR_WITH + "'seed()')", "GW066"),
    ],
)
def test_refused(broken: Database, user: str, statement: str, sqlstate: str) -> None:
    """Only the owner repairs, and only with a function of its own."""
    with pytest.raises(psycopg.Error) as refused:
        broken.connect(user).execute(statement)
    assert refused.value.sqlstate == sqlstate


def test_a_function_that_now_belongs_to_another_role_is_not_called(broken: Database) -> None:
    """It would run with rights that its owner does not have."""
    broken.execute("GRANT CREATE ON SCHEMA public TO repair_stranger")
    broken.execute("ALTER FUNCTION seed(bigint) OWNER TO repair_stranger")
    with pytest.raises(psycopg.Error) as refused:
        broken.connect("repairer").execute("CALL ghostwatch.repair('people', 'languages')")
    assert refused.value.sqlstate == "GW066"


def test_without_a_repair_and_in_a_transaction_block(broken: Database) -> None:
    """The errors say what to type."""
    bot = broken.connect("repairer", autocommit=False)
    with pytest.raises(psycopg.Error) as refused:
        bot.execute("CALL ghostwatch.repair('people', 'languages')")
    assert refused.value.sqlstate == "GW022"
    assert "CALL ghostwatch.repair('people', 'languages');" in str(refused.value.diag.message_hint)
    bot = broken.connect("repairer")
    bot.execute("SELECT ghostwatch.declare_invariant('people', 'languages', reset => '{repair}')")
    with pytest.raises(psycopg.Error) as refused:
        bot.execute("CALL ghostwatch.repair('people', 'languages')")
    assert refused.value.sqlstate == "GW067"
