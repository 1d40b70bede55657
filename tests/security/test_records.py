"""Class: an operator reads and writes what belongs to contracts of its own."""

from __future__ import annotations

from typing import LiteralString

import psycopg
import pytest
from psycopg import sql

from tests.security.conftest import refused
from tests.support.database import Database

pytestmark = pytest.mark.both_kinds

DENIED: tuple[LiteralString, ...] = (
    "DELETE FROM ghostwatch.alert",
    "DELETE FROM ghostwatch.notification",
    "DELETE FROM ghostwatch.arrival",
    "DELETE FROM ghostwatch.check_progress",
    "INSERT INTO ghostwatch.changed_setting (name, value) VALUES ('batch_size', 'nonsense')",
    "UPDATE ghostwatch.changed_setting SET value = '0'",
    "INSERT INTO ghostwatch.event (kind, subject_key, payload, created_at) VALUES ('x', '1', '{}', now())",
    "UPDATE ghostwatch.sidecar SET seen_at = 'infinity'",
    "UPDATE ghostwatch.chat SET chat_id = 1",
    "UPDATE ghostwatch.installation SET version = '9'",
    "INSERT INTO ghostwatch.granted_role (role, kind) SELECT 'postgres', 'operator'",
    "BEGIN; LOCK TABLE ghostwatch.arrival",
    "BEGIN; LOCK TABLE ghostwatch.arrival IN SHARE MODE",
    "BEGIN; LOCK TABLE ghostwatch.event",
    "BEGIN; LOCK TABLE ghostwatch.alert",
    "BEGIN; LOCK TABLE ghostwatch.notification",
    "BEGIN; LOCK TABLE ghostwatch.check_progress",
)

OTHERS: tuple[LiteralString, ...] = (
    "UPDATE ghostwatch.check_progress SET watermark = '3000-01-01'",
    "UPDATE ghostwatch.alert SET state = 'resolved'",
    "UPDATE ghostwatch.violation SET state = 'recovered'",
    "DELETE FROM ghostwatch.violation",
    "DELETE FROM ghostwatch.branch_minute",
    "UPDATE ghostwatch.notification SET state = 'sent'",
    "UPDATE ghostwatch.channel SET chat_id = -666",
    "DELETE FROM ghostwatch.channel",
    "DELETE FROM ghostwatch.contract",
)

FORGED: tuple[LiteralString, ...] = (
    """
    INSERT INTO ghostwatch.arrival (contract_id, arrived_at, subject_key)
    SELECT contract_id, 'infinity', 'not a number' FROM ghostwatch.contract
    """,
    "INSERT INTO ghostwatch.channel (name, chat_id) VALUES ('copy', -666)",
    """
    INSERT INTO ghostwatch.silence (contract, starts_at, ends_at, created_by, comment)
    VALUES ('mine', now(), 'infinity', 'me', '')
    """,
    """
    INSERT INTO ghostwatch.notification (channel_id, alert_id, reason, created_at, next_attempt_at)
    SELECT 1, alert_id, 'opened', now(), now() FROM ghostwatch.alert
    """,
)


@pytest.mark.parametrize("statement", DENIED)
def test_no_privilege_for_this(watched: Database, operator: str, statement: LiteralString) -> None:
    refused("42501", lambda: watched.connect(operator).execute(statement))


@pytest.mark.parametrize("statement", OTHERS)
def test_records_of_others_are_out_of_reach(watched: Database, operator: str, statement: LiteralString) -> None:
    assert watched.connect(operator).execute(statement).rowcount == 0


@pytest.mark.parametrize("statement", FORGED)
def test_records_for_others_are_not_forged(watched: Database, operator: str, statement: LiteralString) -> None:
    refused("42501", lambda: watched.connect(operator).execute(statement))


@pytest.mark.parametrize("table", ["event", "button_press", "violation", "arrival"])
def test_names_and_keys_of_users_are_hidden(watched: Database, operator: str, table: str) -> None:
    watched.execute("""SELECT ghostwatch.declare_contract('captured', '"user"', capture => true)""")
    watched.execute("""INSERT INTO "user" VALUES (2, now())""")
    session = watched.connect(operator)
    assert session.execute(sql.SQL("SELECT FROM ghostwatch.{}").format(sql.Identifier(table))).fetchall() == []
    found = session.execute("SELECT count(*) FROM ghostwatch.notification WHERE reason = 'events'").fetchone()
    assert found == (0,)


@pytest.mark.parametrize(
    ("statement", "sqlstate"),
    [
        ("SELECT ghostwatch.add_channel('copy', -666)", "GW044"),
        ("SELECT ghostwatch.add_channel('copy', -666, contracts => '{mine}', events => false)", "GW044"),
        ("SELECT ghostwatch.add_channel('admins', -666, contracts => '{}', events => false)", "GW044"),
        ("SELECT ghostwatch.disable_channel('admins', 'evil')", "GW044"),
        ("SELECT ghostwatch.remove_channel('admins')", "GW044"),
        ("SELECT ghostwatch.silence('mine')", "GW008"),
        ("SELECT ghostwatch.unsilence(1)", "GW008"),
        ("SELECT ghostwatch.acknowledge(alert_id, 'me') FROM ghostwatch.alert", "GW008"),
        ("SELECT ghostwatch.drop_contract('mine')", "GW008"),
        ("SELECT ghostwatch.set_setting('batch_size', '0')", "GW051"),
    ],
)
def test_functions_check_whose_it_is(watched: Database, operator: str, statement: LiteralString, sqlstate: str) -> None:
    watched.execute("SELECT ghostwatch.silence('mine')")
    said = refused(sqlstate, lambda: watched.connect(operator).execute(statement))
    assert isinstance(said, psycopg.Error) and said.diag.message_hint


def test_nothing_is_made_older_than_it_is(watched: Database, operator: str) -> None:
    session = watched.connect(operator)
    session.execute("SELECT ghostwatch._prune('9999-01-01')")
    refused("42501", lambda: session.execute("SELECT ghostwatch._decide_checks_stopped('9999-01-01')"))
    session.execute("SELECT ghostwatch._decide_checks_stopped_now()")
    assert watched.value("SELECT count(*) FROM ghostwatch.check_run") == 1
    assert watched.value("SELECT count(*) FROM ghostwatch.alert WHERE kind = 'checks_stopped'") == 0


def test_an_operator_still_works_on_its_own(watched: Database, operator: str) -> None:
    watched.connection.execute(
        sql.SQL(
            """
            CREATE TABLE account (id bigint PRIMARY KEY, created_at timestamptz);
            GRANT SELECT, TRIGGER ON account, meme TO {0};
            GRANT CREATE ON SCHEMA public TO {0}
            """
        ).format(sql.Identifier(operator))
    )
    session = watched.connect(operator)
    for statement in (
        "SELECT ghostwatch.declare_contract('theirs', 'account', capture => true)",
        "SELECT ghostwatch.declare_invariant('theirs', 'meme', 'meme', 'user_id', rule => 'threshold')",
        "SELECT ghostwatch.add_channel('theirs', -2, contracts => '{theirs}', events => false)",
    ):
        session.execute(statement.encode())
    watched.execute("INSERT INTO account VALUES (1, clock_timestamp() - interval '10 minutes')")
    watched.execute("UPDATE ghostwatch.arrival SET arrived_at = clock_timestamp() - interval '10 minutes'")
    session.execute("CALL ghostwatch.run_checks()")
    assert watched.rows("SELECT last_error FROM ghostwatch.check_progress WHERE last_error IS NOT NULL") == []
    assert watched.rows(
        """
        SELECT a.kind, c.name FROM ghostwatch.notification AS n
        JOIN ghostwatch.channel AS c USING (channel_id) JOIN ghostwatch.alert AS a USING (alert_id)
        WHERE a.contract = 'theirs' AND n.reason = 'opened' ORDER BY 1, 2
        """
    ) == [("violations", "admins"), ("violations", "theirs")]
    session.execute("SELECT ghostwatch.silence('theirs')")
    session.execute("SELECT ghostwatch.acknowledge(alert_id, 'me') FROM ghostwatch.alert WHERE contract = 'theirs'")
    session.execute("SELECT ghostwatch.set_setting('batch_size', '7')")
    session.execute("SELECT ghostwatch.reset_setting('batch_size')")
    session.execute("SELECT * FROM ghostwatch.doctor()")
    watched.execute("INSERT INTO meme VALUES (1)")
    session.execute("CALL ghostwatch.run_checks()")
    session.execute("SELECT ghostwatch.declare_contract('theirs', 'account', capture => false)")
    assert watched.value("SELECT count(*) FROM ghostwatch.arrival") == 0
    session.execute("SELECT ghostwatch.drop_contract('theirs')")
