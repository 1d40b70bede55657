"""What an error's hint says to type works when it is typed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql

from tests.support.database import Database


@pytest.fixture
def tables(database: Database) -> Database:
    """Names in need of quotes, and a contract to make mistakes with."""
    database.execute(
        """
        CREATE SCHEMA "My Bot";
        CREATE TABLE "My Bot"."user" (
            id bigint PRIMARY KEY, created_at timestamptz, "local time" timestamp, photo json
        );
        CREATE TABLE "My Bot".visit (user_id bigint, at timestamptz, note text);
        CREATE VIEW "My Bot".visitor AS SELECT * FROM "My Bot"."user";
        SELECT ghostwatch.declare_contract('it''s', '"My Bot"."user"');
        SELECT ghostwatch.declare_invariant('it''s', 'visited', '"My Bot".visit', 'user_id');
        SELECT ghostwatch.declare_contract('due at once', '"My Bot"."user"');
        SELECT ghostwatch.declare_invariant('due at once', 'i', '"My Bot".visit', 'user_id', error_after => '0');
        SELECT FROM onboarding.adopt();
        """
    )
    return database


INVARIANT = "SELECT ghostwatch.declare_invariant('it''s', 'visited', '\"My Bot\".visit', 'user_id'"


@pytest.mark.parametrize(
    ("mistake", "sqlstate"),
    [
        ("""SELECT ghostwatch.declare_contract('', '"My Bot"."user"')""", "GW016"),
        ("""SELECT ghostwatch.declare_contract('c', '"My Bot"."user"', born_at_column => 'photo')""", "GW010"),
        ("""SELECT ghostwatch.declare_contract('c', '"My Bot"."user"', lateness => '-1 minute')""", "GW012"),
        (
            """SELECT ghostwatch.declare_contract(
                'c', '"My Bot"."user"', born_at_column => 'local time', time_zone => 'Mars/Olympus')""",
            "GW011",
        ),
        (r"""SELECT ghostwatch.declare_contract('c', '"My Bot"."user"', exempt_branches => ARRAY['k\'])""", "GW016"),
        (
            """SELECT ghostwatch.declare_contract('c', '"My Bot".visitor', capture => true, unique_key => true)""",
            "GW017",
        ),
        ("""SELECT ghostwatch.declare_contract('c', '"My Bot".visit', 'user_id', 'at')""", "GW019"),
        (INVARIANT + ", error_after => '-1 minute')", "GW015"),
        (INVARIANT + ", warn_after => '5 minutes')", "GW015"),
        (INVARIANT + ", error_after => '2 hours', watch_for => '1 hour')", "GW015"),
        (INVARIANT + ", rule => 'often')", "GW015"),
        (INVARIANT + ", min_count => 0)", "GW015"),
        ("""SELECT ghostwatch.declare_invariant('it''s', '', '"My Bot".visit', 'user_id')""", "GW016"),
        ("SELECT ghostwatch.declare_branch_family('it''s', '', '')", "GW016"),
        ("SELECT * FROM ghostwatch.check_subject('it''s', '42')", "GW021"),
        ("SELECT ghostwatch.acknowledge(42, 'anna')", "GW030"),
        ("SELECT ghostwatch.silence('it''s', branch => 'kitchen')", "GW033"),
        ("SELECT ghostwatch.silence('it''s', duration => '0')", "GW034"),
        ("SELECT ghostwatch.silence('it''s', by => '')", "GW035"),
        ("SELECT ghostwatch.unsilence(42)", "GW036"),
        ("SELECT * FROM ghostwatch.claim_notifications('')", "GW040"),
        ("SELECT ghostwatch.post_event('user_started', '42', '[]')", "GW042"),
        ("SELECT ghostwatch.add_channel('', 0)", "GW045"),
        ("SELECT ghostwatch.add_channel('it''s', 1, min_severity => 'info')", "GW046"),
        ("SELECT ghostwatch.add_channel('it''s', 1, contracts => '{none}')", "GW047"),
        ("SELECT ghostwatch.add_channel('it''s', 1, quiet_from => '22:00')", "GW048"),
        ("SELECT ghostwatch.enable_channel('it''s')", "GW049"),
        ("SELECT ghostwatch.set_setting('speed', '3')", "GW050"),
        ("SELECT ghostwatch.set_setting('batch_size', 'many')", "GW051"),
        ("SELECT * FROM ghostwatch.enforce('due at once', 'refuse')", "GW070"),
        ("SELECT * FROM onboarding.start(NULL, 'Anna')", "GW102"),
        ("SELECT * FROM onboarding.adopt(leave_out => '{horoscope}')", "GW104"),
        ("SELECT * FROM onboarding.adopt(due_after => '1 day')", "GW105"),
    ],
)
def test_hints_can_be_typed(tables: Database, mistake: LiteralString, sqlstate: str) -> None:
    """Whatever the mistake, the statement offered is one that works."""
    with pytest.raises(psycopg.Error) as made:
        tables.execute(mistake)
    assert made.value.sqlstate == sqlstate
    hint = made.value.diag.message_hint
    assert hint is not None
    (statement,) = re.findall(r"SELECT .*?(?=$| lists )", hint)
    tables.connection.execute(statement.encode())


def test_a_hint_about_rights(tables: Database, make_role: Callable[[], str]) -> None:
    """Typed by who may grant, it makes the same statement work."""
    role = make_role()
    tables.execute("SELECT ghostwatch.grant_operator(%s)", role)
    tables.connection.execute(sql.SQL('GRANT USAGE ON SCHEMA "My Bot" TO {}').format(sql.Identifier(role)))
    operator = tables.connect(role)
    declare = b"SELECT ghostwatch.declare_contract('c', '\"My Bot\".visit', 'user_id', 'at', unique_key => true)"
    with pytest.raises(psycopg.Error, match="may not read") as made:
        operator.execute(declare)
    assert made.value.sqlstate == "GW005"
    tables.connection.execute((made.value.diag.message_hint or "").encode())
    operator.execute(declare)


@pytest.mark.parametrize(
    ("mistake", "sqlstate"),
    [
        ("SELECT ghostwatch.drop_invariant('it''s', 'visited')", "GW008"),
        ("SELECT * FROM ghostwatch.enforce('it''s', 'warn')", "GW073"),
    ],
)
def test_a_hint_about_roles(tables: Database, mistake: str, sqlstate: str) -> None:
    """Typed, it makes the same statement work."""
    tables.execute("CREATE ROLE \"Hint Reader\" LOGIN; SELECT ghostwatch.grant_operator('Hint Reader')")
    tables.execute('INSERT INTO "My Bot"."user" VALUES (1, now())')
    tables.execute(INVARIANT + ", error_after => '0')")
    try:
        tables.execute('GRANT "Hint Reader" TO postgres; SET ROLE "Hint Reader"')
        with pytest.raises(psycopg.Error) as made:
            tables.connection.execute(mistake.encode())
        assert made.value.sqlstate == sqlstate
        tables.connection.execute((made.value.diag.message_hint or "").encode())
        tables.connection.execute(mistake.encode())
    finally:
        tables.execute('RESET ROLE; DROP OWNED BY "Hint Reader"; DROP ROLE "Hint Reader"')


@pytest.mark.parametrize(
    "mistake", ["CALL ghostwatch.run_checks('it''s')", "SELECT * FROM ghostwatch.check_subject('it''s', '1')"]
)
def test_a_hint_about_connections(tables: Database, make_role: Callable[[], str], mistake: LiteralString) -> None:
    """As the role that it names, the same statement works."""
    role = make_role()
    tables.execute("SELECT ghostwatch.grant_operator(%s)", role)
    tables.execute('INSERT INTO "My Bot"."user" VALUES (1, now())')
    tables.execute(INVARIANT + ", error_after => '0')")
    with pytest.raises(psycopg.Error) as made:
        tables.connect(role).execute(mistake)
    assert made.value.sqlstate == "GW020"
    assert made.value.diag.message_hint == "Connect as role postgres. In psql: \\connect - postgres"
    tables.connect("postgres").execute(mistake)
