"""Capture in the transactions of others: whatever is wrong with it, the signup goes through and somebody is told."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql

from tests.support.attacks import roles_that_ran_a_hostile_cast
from tests.support.database import Database


@pytest.fixture
def owner(database: Database, make_role: Callable[[], str]) -> str:
    """A role, no superuser, that owns a table and a contract over it with capture."""
    role = make_role()
    database.execute("SELECT ghostwatch.grant_operator(%s)", role)
    database.connection.execute(sql.SQL("CREATE SCHEMA shop AUTHORIZATION {}").format(sql.Identifier(role)))
    database.connect(role).execute(
        """
        CREATE TABLE shop.account (id bigint PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT now());
        CREATE TABLE shop.greeting (account_id bigint NOT NULL);
        SELECT ghostwatch.declare_contract('welcome', 'shop.account', capture => true);
        SELECT ghostwatch.declare_invariant('welcome', 'greeting', 'shop.greeting', 'account_id', error_after => '0');
        """
    )
    return role


def alerts(database: Database, owner: str) -> list[str]:
    """The errors of the failing checks that alert now, after a check run."""
    database.connect(owner).execute("CALL ghostwatch.run_checks()")
    return [
        error
        for (error,) in database.rows(
            "SELECT evidence ->> 'last_error' FROM ghostwatch.alert WHERE kind = 'check_failing' AND state = 'firing'"
        )
    ]


def findings(database: Database) -> list[tuple[str, str]]:
    """What the doctor says about triggers that do not work."""
    return database.rows(
        "SELECT finding, advice FROM ghostwatch.doctor() WHERE check_name = 'triggers' AND verdict <> 'ok'"
    )


def violations(database: Database) -> list[str]:
    """Who is recorded without a greeting."""
    return [key for (key,) in database.rows("SELECT subject_key FROM ghostwatch.violation ORDER BY 1")]


def test_a_lock_on_the_arrivals(database: Database, owner: str) -> None:
    """Nobody who signs up waits for it; the next check run notes who came, and tells."""
    locker = database.connect(autocommit=False)
    locker.execute("LOCK TABLE ghostwatch.arrival IN ACCESS EXCLUSIVE MODE")
    began = time.monotonic()
    database.execute("INSERT INTO shop.account VALUES (1), (2)")
    assert time.monotonic() - began < 5
    locker.rollback()
    assert database.value("SELECT count(*) FROM ghostwatch.arrival") == 0

    (told,) = alerts(database, owner)
    assert "the arrival of 2 subjects in shop.account could not be recorded at once: canceling statement due to" in told
    assert violations(database) == ["1", "2"]
    ((finding, advice),) = findings(database)
    assert "the arrival of 2 subjects of contract welcome could not be recorded at once" in finding
    assert database.connection.execute(advice.encode()).rowcount == 1
    assert database.value("SELECT remark FROM ghostwatch.status") != ""


@pytest.mark.parametrize("locked", ["ghostwatch.contract", "ghostwatch.arrival, ghostwatch.capture_failure"])
def test_a_lock_on_everything_that_the_trigger_needs(database: Database, owner: str, locked: LiteralString) -> None:
    """The doctor finds who came at once, the next check raises an alert, and the one after that judges them."""
    database.connect(owner).execute("CREATE INDEX ON shop.account (created_at)")
    alerts(database, owner)
    locker = database.connect(autocommit=False)
    locker.execute("LOCK TABLE " + locked + " IN ACCESS EXCLUSIVE MODE")
    database.execute("INSERT INTO shop.account VALUES (1), (2)")
    locker.rollback()
    database.execute("INSERT INTO shop.account VALUES (3)")
    assert database.rows("SELECT subject_key FROM ghostwatch.arrival") == [("3",)]
    assert database.rows("SELECT FROM ghostwatch.capture_failure") == []

    database.set_clock(database.value("SELECT now() + '4 minutes'::interval"))
    (told,) = alerts(database, owner)
    assert "the arrival of 2 subjects in shop.account could not be recorded at once: nothing was recorded" in told
    assert violations(database) == ["3"]
    database.set_clock(database.value("SELECT ghostwatch._clock() + '1 minute'::interval"))
    assert len(alerts(database, owner)) == 1
    assert violations(database) == ["1", "2", "3"]


def test_who_never_arrived_is_found_before_the_deadline(database: Database, owner: str) -> None:
    """The alert does not wait for it, and who is found then is judged at most one run after a deadline of their own."""
    session = database.connect(owner)
    session.execute("CREATE INDEX ON shop.account (created_at)")
    session.execute("SELECT ghostwatch.declare_invariant('welcome', 'greeting', error_after => '10 minutes')")
    now = database.value("SELECT now()")
    database.set_clock(now)
    alerts(database, owner)
    locker = database.connect(autocommit=False)
    locker.execute("LOCK TABLE ghostwatch.arrival, ghostwatch.capture_failure IN ACCESS EXCLUSIVE MODE")
    database.execute("INSERT INTO shop.account VALUES (1, %s)", now)
    locker.rollback()

    told = {}
    for minute in range(1, 15):
        database.set_clock(database.value("SELECT %s::timestamptz + make_interval(mins => %s)", now, minute))
        told[minute] = (alerts(database, owner), violations(database))
    assert next(minute for minute, (errors, _) in told.items() if errors) == 3
    assert [minute for minute, (_, keys) in told.items() if keys == ["1"]] == [14]


def test_the_doctor_finds_who_never_arrived(database: Database, owner: str) -> None:
    """Also where no check found them: the record of it may be gone."""
    session = database.connect(owner)
    session.execute("CREATE INDEX ON shop.account (created_at)")
    missed = "SELECT verdict, finding FROM ghostwatch.doctor() WHERE check_name = 'missed'"
    database.execute("INSERT INTO shop.account VALUES (1)")
    alerts(database, owner)
    assert session.execute(missed).fetchall() == [("ok", "No subject was missed lately.")]
    database.execute("DELETE FROM ghostwatch.arrival")
    database.execute("DELETE FROM ghostwatch.violation")
    database.execute("UPDATE ghostwatch.check_progress SET watermark = now()")
    ((verdict, finding),) = session.execute(missed).fetchall()
    assert verdict == "warning"
    assert "welcome.greeting: 1 of shop.account without the row, whose arrival was not recorded" in finding

    session.execute("DROP INDEX shop.account_created_at_idx")
    ((verdict, finding),) = session.execute(missed).fetchall()
    assert verdict == "warning"
    assert "was not examined: no index leads to the births in shop.account" in finding


def test_the_alert_ends_by_itself(database: Database, owner: str) -> None:
    """Five minutes after the last arrival that could not be recorded; the record is kept for a day."""
    now = database.value("SELECT now()")
    database.set_clock(now)
    locker = database.connect(autocommit=False)
    locker.execute("LOCK TABLE ghostwatch.arrival IN ACCESS EXCLUSIVE MODE")
    database.execute("INSERT INTO shop.account VALUES (1)")
    locker.rollback()
    assert len(alerts(database, owner)) == 1
    database.set_clock(database.value("SELECT %s::timestamptz + '6 minutes'::interval", now))
    assert alerts(database, owner) == []
    database.set_clock(database.value("SELECT %s::timestamptz + '26 hours'::interval", now))
    assert alerts(database, owner) == []
    assert database.rows("SELECT FROM ghostwatch.capture_failure") == []


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        ("REVOKE ALL ON ghostwatch.arrival, ghostwatch.capture_failure FROM {owner}", "lacks rights on ghostwatch"),
        ("REVOKE ALL ON SCHEMA ghostwatch FROM {owner}", "lacks rights on ghostwatch"),
        ("ALTER FUNCTION {function}() OWNER TO {stranger}", "is owned by"),
        ("ALTER TABLE shop.account DISABLE TRIGGER USER", "a disabled trigger"),
        ("DROP FUNCTION {function}() CASCADE", "no trigger"),
    ],
)
def test_lost_rights(
    database: Database, owner: str, make_role: Callable[[], str], harm: LiteralString, told: str
) -> None:
    """The signup goes through; the doctor says what to type, and after that all is well."""
    database.connection.execute(
        sql.SQL(harm).format(
            owner=sql.Identifier(owner),
            stranger=sql.Identifier(make_role()),
            function=sql.SQL(
                database.value("SELECT tgfoid::regproc::text FROM pg_trigger WHERE tgname LIKE 'ghost%%'")
            ),
        )
    )
    database.execute("INSERT INTO shop.account VALUES (1)")
    assert database.value("SELECT count(*) FROM shop.account") == 1

    ((finding, advice),) = findings(database)
    assert told in finding
    database.connection.execute(advice.encode())
    database.execute("RESET ROLE")
    assert findings(database) == []
    database.execute("INSERT INTO shop.account VALUES (2)")
    assert database.rows("SELECT subject_key FROM ghostwatch.arrival WHERE subject_key = '2'") == [("2",)]


def test_a_run_alerts_about_a_disabled_trigger(database: Database, owner: str) -> None:
    """And goes on with what it can see."""
    database.execute("INSERT INTO shop.account VALUES (1)")
    database.execute("ALTER TABLE shop.account DISABLE TRIGGER USER")
    (told,) = alerts(database, owner)
    assert told.startswith("shop.account has a disabled trigger")
    assert violations(database) == ["1"]
    assert database.value("SELECT last_error_state FROM ghostwatch.check_progress") == "GW077"
    assert database.value("SELECT count(*) FROM ghostwatch.alert WHERE kind = 'violations'") == 1

    database.execute("ALTER TABLE shop.account ENABLE TRIGGER USER")
    assert alerts(database, owner) == []


@pytest.mark.both_kinds
@pytest.mark.pg_dump
def test_a_dump_restored_by_another_role(
    database: Database, empty_database: Database, owner: str, tmp_path: Path
) -> None:
    """By a superuser, without owners: signups go through, and the doctor says at once what to type."""
    database.execute("INSERT INTO shop.account VALUES (1)")
    dump = tmp_path / "dump.sql"
    dump.write_text(database.server.dump(database.name, "--no-owner", "--no-privileges"), encoding="utf-8")
    assert database.server.psql_file(dump, empty_database.name).stderr == ""

    empty_database.execute("INSERT INTO shop.account VALUES (2)")
    for _ in range(3):
        for _, advice in findings(empty_database):
            empty_database.connection.execute(advice.encode())
    assert findings(empty_database) == []
    empty_database.execute("INSERT INTO shop.account VALUES (3)")
    assert empty_database.rows("SELECT subject_key FROM ghostwatch.arrival WHERE subject_key = '3'") == [("3",)]


def test_another_table_is_not_noted(database: Database, owner: str, make_role: Callable[[], str]) -> None:
    """Whoever may execute the function gets no cast of theirs run with the owner's rights, and notes nobody."""
    function = database.value("SELECT tgfoid::regproc::text FROM pg_trigger WHERE tgname LIKE 'ghost%%'")
    fires: LiteralString = "REFERENCING NEW TABLE AS newcomer FOR EACH STATEMENT"
    assert roles_that_ran_a_hostile_cast(database, make_role(), function, fires) == []
    assert database.rows("SELECT FROM ghostwatch.arrival") == []
    assert database.rows("SELECT FROM ghostwatch.capture_failure") == []


def test_a_cast_of_the_key_is_not_called(database: Database, owner: str, make_role: Callable[[], str]) -> None:
    """A key whose type has a cast of somebody's to text is written by its output function."""
    database.connect(owner).execute(
        """
        CREATE TYPE shop.number AS ENUM ('one', 'two');
        CREATE FUNCTION shop.spring(shop.number) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'sprung'; END $$;
        CREATE CAST (shop.number AS text) WITH FUNCTION shop.spring(shop.number);
        CREATE TABLE shop.ticket (id shop.number PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT now());
        SELECT ghostwatch.declare_contract('tickets', 'shop.ticket', capture => true);
        INSERT INTO shop.ticket VALUES ('one');
        """
    )
    assert database.rows("SELECT subject_key FROM ghostwatch.arrival") == [("one",)]


def test_turning_it_on_does_not_hold_up_signups(database: Database, owner: str) -> None:
    """GW075 after a few short attempts, with the session that is in the way."""
    database.execute("SELECT ghostwatch.set_setting('lock_timeout', '20 milliseconds')")
    database.execute("SELECT ghostwatch.set_setting('lock_attempts', '2')")
    session = database.connect(owner)
    session.execute("SELECT ghostwatch.declare_contract('welcome', 'shop.account', capture => false)")
    signup = database.connect(autocommit=False)
    signup.execute("INSERT INTO shop.account VALUES (1)")
    with pytest.raises(psycopg.Error, match=f"in use by pid {signup.info.backend_pid}") as refused:
        session.execute("SELECT ghostwatch.declare_contract('welcome', 'shop.account', capture => true)")
    assert refused.value.sqlstate == "GW075"
