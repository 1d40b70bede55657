"""Class: an operator reads and writes what belongs to contracts of its own."""

from __future__ import annotations

from functools import partial
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql

from tests.security.conftest import refused
from tests.support.database import Database

pytestmark = pytest.mark.both_kinds

# Of its own records, too: what is true of them is for the functions to decide.
DENIED: tuple[LiteralString, ...] = (
    "DELETE FROM ghostwatch.alert",
    "DELETE FROM ghostwatch.notification",
    "DELETE FROM ghostwatch.arrival",
    "DELETE FROM ghostwatch.check_progress",
    "DELETE FROM ghostwatch.violation",
    "DELETE FROM ghostwatch.branch_minute",
    "DELETE FROM ghostwatch.channel",
    "DELETE FROM ghostwatch.contract",
    "INSERT INTO ghostwatch.changed_setting (name, value) VALUES ('batch_size', 'nonsense')",
    "UPDATE ghostwatch.changed_setting SET value = '0'",
    "INSERT INTO ghostwatch.event (kind, subject_key, payload, created_at) VALUES ('x', '1', '{}', now())",
    "INSERT INTO ghostwatch.channel (name, chat_id) VALUES ('copy', -666)",
    """
    INSERT INTO ghostwatch.silence (contract, starts_at, ends_at, created_by, comment)
    VALUES ('mine', now(), 'infinity', 'me', '')
    """,
    """
    INSERT INTO ghostwatch.notification (channel_id, alert_id, reason, created_at, next_attempt_at)
    VALUES (1, 1, 'opened', now(), now())
    """,
    "UPDATE ghostwatch.sidecar SET seen_at = 'infinity'",
    "UPDATE ghostwatch.chat SET chat_id = 1",
    "UPDATE ghostwatch.installation SET version = '9'",
    "UPDATE ghostwatch.check_progress SET watermark = '3000-01-01'",
    "UPDATE ghostwatch.alert SET state = 'resolved'",
    "UPDATE ghostwatch.violation SET state = 'recovered'",
    "UPDATE ghostwatch.notification SET state = 'sent'",
    "UPDATE ghostwatch.channel SET chat_id = -666",
    "UPDATE ghostwatch.role_secret SET secret = gen_random_uuid()",
    "INSERT INTO ghostwatch.role_secret (role, made_at) VALUES (10, now())",
    "INSERT INTO ghostwatch.granted_role (role, kind) SELECT 'postgres', 'operator'",
)

# What is about one contract, and so not for those whose contract it is not.
OF_CONTRACTS = (
    "_clause",
    "alert",
    "alert_history",
    "arrival",
    "branch_family",
    "branch_minute",
    "branch_value",
    "branch_sum",
    "button_press",
    "capture_failure",
    "check_progress",
    "check_run",
    "checked_ahead",
    "contract",
    "drift_baseline",
    "drift_detector",
    "drift_history",
    "drill_history",
    "event",
    "invariant",
    "judged_total",
    "maintenance",
    "mark",
    "notification",
    "repair_attempt",
    "repair_history",
    "role_secret",
    "silence",
    "status",
    "violation",
)

# As the parts of a check run would call them; each is about invariant 1, which is another role's.
RECORDERS: tuple[LiteralString, ...] = (
    "SELECT ghostwatch._lock_progress(1)",
    "SELECT ghostwatch._record_progress(1, now(), now(), now(), false, NULL, NULL)",
    """
    SELECT ghostwatch._record_judgements(c, now(), '{}', now())
    FROM jsonb_populate_record(NULL::ghostwatch._clause, \'{"invariant_id": 1}\') AS c
    """,
    """
    SELECT ghostwatch._record_moved_keys(c, now(), '{}')
    FROM jsonb_populate_record(NULL::ghostwatch._clause, \'{"invariant_id": 1}\') AS c
    """,
    "SELECT ghostwatch._record_violation(1, '9', now(), 'none', now())",
    """
    SELECT ghostwatch._record_rechecks(c, now(), '{}')
    FROM jsonb_populate_record(NULL::ghostwatch._clause, \'{"invariant_id": 1}\') AS c
    """,
    "SELECT ghostwatch._claim_repair(1, '9', now(), now())",
    "SELECT ghostwatch._record_repairs(1, '{9}', 'repaired')",
    "SELECT ghostwatch._announce_repairs(1, now())",
    "SELECT ghostwatch._record_success(1, now(), NULL, NULL)",
    "SELECT ghostwatch._record_failure(1, now(), '22012', 'none')",
    "SELECT ghostwatch._decide_alerts(1, now())",
    "SELECT ghostwatch._forget_findings(1)",
    "SELECT ghostwatch._set_related(1, 'pg_catalog.pg_class')",
    "SELECT ghostwatch._set_subject(1, 'pg_catalog.pg_class')",
    "SELECT ghostwatch._set_enforcement(1, 'reject')",
    "SELECT ghostwatch._take_up_failures(1, now())",
    "SELECT ghostwatch._delete_invariant(1)",
    "SELECT ghostwatch._delete_contract(1)",
    "SELECT ghostwatch._lock_contract('mine')",
    'SELECT ghostwatch._save_contract(jsonb_populate_record(NULL::ghostwatch.contract, \'{"name": "mine"}\'))',
    "SELECT ghostwatch._save_invariant(jsonb_populate_record(NULL::ghostwatch.invariant, '{\"contract_id\": 1}'))",
)

# Definers that ask nobody who they are, and why that is well.
ASK_NOBODY = {
    "_channel_id": "names are no secret",
    "_contract_id": "names are no secret",
    "_contract_owner": "who owns a contract is no secret",
    "_decide_checks_stopped_now": "decides by what is recorded, at the present time",
    "_delete_arrivals": "only where the trigger of the contract is gone",
    "_forget_arrivals": "only what every invariant has judged",
    "_invariant_id": "names are no secret",
    "_is_subject": "says only whether a table has a contract",
    "_prune": "only what is older than its retention setting",
    "_require_contract_owner": "a check; changes nothing",
    "_require_runnable": "a check; changes nothing",
    "_summarize_maintenance": "only windows that are over",
    "_take_task": "a lock until the end of the transaction, as a check run takes it",
    "post_event": "applications post events",
    "reset_setting": "operators may change settings",
    "set_setting": "operators may change settings, within their bounds",
}


@pytest.fixture
def both(watched: Database, operator: str) -> Database:
    """The database of `watched`, with a contract of the operator as well, broken by one subject."""
    watched.connection.execute(
        sql.SQL(
            """
            CREATE TABLE account (id bigint PRIMARY KEY, created_at timestamptz);
            GRANT SELECT, TRIGGER ON account, meme TO {0};
            GRANT CREATE ON SCHEMA public TO {0};
            INSERT INTO account VALUES (1, clock_timestamp() - interval '10 minutes')
            """
        ).format(sql.Identifier(operator))
    )
    session = watched.connect(operator)
    session.execute("SELECT ghostwatch.declare_contract('theirs', 'account')")
    session.execute("SELECT ghostwatch.declare_invariant('theirs', 'meme', 'meme', 'user_id', rule => 'threshold')")
    session.execute("CALL ghostwatch.run_checks()")
    return watched


@pytest.mark.attack(
    "deleting, changing and forging records by plain DML, also of its own contracts", role="operator", result="refused"
)
@pytest.mark.parametrize("statement", DENIED)
def test_no_privilege_for_this(watched: Database, operator: str, statement: LiteralString) -> None:
    refused("42501", lambda: watched.connect(operator).execute(statement))


@pytest.mark.attack("LOCK TABLE on each table, in modes that hold up others", role="operator", result="refused")
def test_no_table_can_be_locked(watched: Database, operator: str) -> None:
    session = watched.connect(operator)
    tables = watched.rows(
        "SELECT relname FROM pg_class WHERE relnamespace = 'ghostwatch'::regnamespace AND relkind IN ('r', 'v')"
    )
    assert len(tables) > 25
    for (table,) in tables:
        for mode in ("ROW EXCLUSIVE", "SHARE", "ACCESS EXCLUSIVE"):
            statement = sql.SQL("LOCK TABLE ghostwatch.{} IN {} MODE").format(sql.Identifier(table), sql.SQL(mode))
            session.execute("BEGIN")
            refused("42501", partial(session.execute, statement))
            session.execute("ROLLBACK")


@pytest.mark.attack(
    "reading expressions, counts, alerts, sample keys and users' names of other roles' contracts",
    role="operator",
    result="no row is found",
)
@pytest.mark.parametrize("table", OF_CONTRACTS)
def test_what_concerns_contracts_of_others_is_hidden(watched: Database, operator: str, table: str) -> None:
    watched.execute("""SELECT ghostwatch.declare_contract('captured', '"user"', capture => true)""")
    watched.execute("SELECT ghostwatch.declare_branch_family('captured', 'a', 'b')")
    watched.execute("INSERT INTO ghostwatch.branch_value SELECT c.contract_id, 'a' FROM ghostwatch.contract AS c")
    watched.execute("""INSERT INTO "user" VALUES (2, now())""")
    watched.execute("SELECT ghostwatch.silence('mine')")
    watched.execute("SELECT ghostwatch.maintenance('1 hour', 'mine')")
    watched.execute("SELECT ghostwatch.mark('mine')")
    session = watched.connect(operator)
    assert session.execute(sql.SQL("SELECT * FROM ghostwatch.{}").format(sql.Identifier(table))).fetchall() == []


def test_every_table_is_hidden_or_about_no_contract(database: Database) -> None:
    assert {
        name
        for (name,) in database.rows(
            """
            SELECT relname FROM pg_class
            WHERE relnamespace = 'ghostwatch'::regnamespace AND relkind IN ('r', 'v') AND relname <> ALL (%s)
            """,
            list(OF_CONTRACTS),
        )
    } == {
        # Those of a channel are shown where it gets messages about the operator's contracts.
        "channel",
        "chat",
        # About the installation as a whole.
        "changed_setting",
        "dispatch",
        "exclusive_task",
        "granted_role",
        "installation",
        "settings",
        "sidecar",
    }


@pytest.mark.attack(
    "a cheap function in a condition, to be shown rows before they are filtered",
    role="operator",
    result="it is shown its own rows only",
)
def test_a_condition_of_ones_own_is_not_shown_what_is_hidden(both: Database, operator: str) -> None:
    session = both.connect(operator)
    session.execute(
        """
        CREATE FUNCTION public.peep(value text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$
        BEGIN
            IF value LIKE '%mine%' THEN RAISE EXCEPTION 'seen' USING ERRCODE = 'PEEP0'; END IF;
            RETURN true;
        END $$
        """
    )
    for statement in (
        "SELECT * FROM ghostwatch._clause WHERE public.peep(contract)",
        "SELECT * FROM ghostwatch.status WHERE public.peep(contract)",
        "SELECT * FROM ghostwatch.alert_history WHERE public.peep(contract)",
        "SELECT * FROM ghostwatch.drill_history WHERE public.peep(contract)",
        "SELECT * FROM ghostwatch.contract WHERE public.peep(name)",
        "SELECT * FROM ghostwatch.alert WHERE public.peep(contract)",
    ):
        session.execute(statement.encode())


@pytest.mark.attack(
    "calling the parts of a check run about another role's invariant", role="operator", result="refused (GW008)"
)
@pytest.mark.parametrize("statement", RECORDERS)
def test_nothing_is_recorded_about_contracts_of_others(both: Database, operator: str, statement: LiteralString) -> None:
    error = refused("GW008", lambda: both.connect(operator).execute(statement))
    assert error.diag.message_primary == "contract 'mine' belongs to role postgres"


@pytest.mark.attack("forging arrivals of another role's contract", role="operator", result="refused")
def test_arrivals_are_not_forged_for_others(watched: Database, operator: str) -> None:
    session = watched.connect(operator)
    statement: LiteralString = (
        "INSERT INTO ghostwatch.arrival (contract_id, arrived_at, subject_key) VALUES (1, %s, %s)"
    )
    refused("42501", lambda: session.execute(statement, ["infinity", "not a number"]))


@pytest.mark.attack(
    "a function that a superuser calls, or an index that a superuser analyses, which then changes records of others",
    role="operator",
    result="it acts as the operator: refused (GW008)",
)
def test_who_calls_is_proved(both: Database, operator: str) -> None:
    session = both.connect(operator)
    refused("GW061", lambda: session.execute("SELECT ghostwatch.drop_branch_family('mine', 'a', gen_random_uuid())"))
    refused("GW061", lambda: session.execute("SELECT ghostwatch.maintenance('1 hour', 'x', NULL)"))

    # A function of the operator that a superuser calls, or an expression in an index that a superuser analyses, still
    # acts as the operator: neither the session's role nor the role that it has set says who calls.
    session.execute(
        """
        CREATE FUNCTION public.deputy() RETURNS void LANGUAGE sql SECURITY DEFINER
        AS 'SELECT ghostwatch.silence(''mine'')'
        """
    )
    refused("GW008", lambda: both.execute("SELECT public.deputy()"))
    session.execute("CREATE TABLE public.bait (id integer)")
    session.execute("INSERT INTO public.bait VALUES (1)")
    session.execute(
        """
        CREATE FUNCTION public.harmless(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN 1; END'
        """
    )
    session.execute("CREATE INDEX ON public.bait (public.harmless(id))")
    session.execute(
        """
        CREATE OR REPLACE FUNCTION public.harmless(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$
        BEGIN
            PERFORM ghostwatch.silence('mine');
            RETURN 1;
        END $$
        """
    )
    refused("GW008", lambda: both.execute("ANALYZE public.bait"))
    assert both.value("SELECT count(*) FROM ghostwatch.silence") == 0


def test_every_definer_asks_who_calls(database: Database, operator: str) -> None:
    """But for those that can do no harm, whoever calls them."""
    found = database.rows(
        """
        SELECT p.proname FROM pg_proc AS p
        WHERE p.pronamespace = 'ghostwatch'::regnamespace
            AND p.prosecdef
            AND has_function_privilege(%s, p.oid, 'EXECUTE')
            AND 'credential' <> ALL (coalesce(p.proargnames, '{}'))
        """,
        operator,
    )
    assert {name for (name,) in found} == set(ASK_NOBODY)


@pytest.mark.attack(
    "silencing, acknowledging, declaring, dropping, enforcing, checking and copying what is another role's",
    role="operator",
    result="refused",
)
@pytest.mark.parametrize(
    ("statement", "sqlstate"),
    [
        ("SELECT ghostwatch.add_channel('copy', -666)", "GW044"),
        ("SELECT ghostwatch.add_channel('copy', -666, contracts => '{mine}', events => false)", "GW044"),
        ("SELECT ghostwatch.add_channel('admins', -666, contracts => '{}', events => false)", "GW044"),
        (
            "SELECT ghostwatch.add_channel('copy', -666, contracts => '{}', events => false,"
            " escalate_after => '1 minute', escalate_to => 'admins')",
            "GW044",
        ),
        ("SELECT ghostwatch.disable_channel('admins', 'evil')", "GW044"),
        ("SELECT ghostwatch.enable_channel('admins')", "GW044"),
        ("SELECT ghostwatch.remove_channel('admins')", "GW044"),
        ("SELECT ghostwatch.silence('mine')", "GW008"),
        ("SELECT ghostwatch.unsilence(1)", "GW008"),
        ("SELECT ghostwatch.acknowledge(1, 'me')", "GW008"),
        ("SELECT ghostwatch.explain_alert(1)", "GW030"),
        ("SELECT ghostwatch.why(1)", "GW030"),
        ("SELECT * FROM ghostwatch.why('mine', 'meme')", "GW008"),
        ("SELECT ghostwatch.drill('mine', 'meme')", "GW008"),
        ("SELECT * FROM ghostwatch.backtest('mine', 'meme')", "GW020"),
        ("SELECT * FROM ghostwatch.prove('mine', '1')", "GW020"),
        ("SELECT ghostwatch.contract_holds('mine', '1')", "GW020"),
        ("SELECT ghostwatch.drop_contract('mine')", "GW008"),
        ("SELECT ghostwatch.drop_invariant('mine', 'meme')", "GW008"),
        ("SELECT ghostwatch.declare_branch_family('mine', 'a', 'b')", "GW008"),
        ("SELECT ghostwatch.drop_branch_family('mine', 'a')", "GW008"),
        ("SELECT ghostwatch.declare_contract('mine', 'meme', 'user_id')", "GW008"),
        ("SELECT ghostwatch.declare_invariant('mine', 'other', 'meme', 'user_id')", "GW008"),
        ("SELECT ghostwatch.enforce('mine', 'reject')", "GW073"),
        ("SELECT ghostwatch.check_subject('mine', 1)", "GW020"),
        ("SELECT ghostwatch.ghost_summary('mine', 'meme')", "GW020"),
        ("CALL ghostwatch.run_checks('mine')", "GW020"),
        ("SELECT ghostwatch.set_setting('batch_size', '0')", "GW051"),
    ],
)
def test_functions_check_whose_it_is(watched: Database, operator: str, statement: LiteralString, sqlstate: str) -> None:
    watched.execute("SELECT ghostwatch.silence('mine')")
    said = refused(sqlstate, lambda: watched.connect(operator).execute(statement))
    assert isinstance(said, psycopg.Error) and said.diag.message_hint


@pytest.mark.attack("sending other roles' messages again", role="operator", result="only its own are sent")
def test_nothing_of_others_is_sent_again(both: Database, operator: str) -> None:
    both.execute("UPDATE ghostwatch.notification SET state = 'failed'")
    assert both.connect(operator).execute("SELECT ghostwatch.retry_failed()").fetchone() == (1,)
    assert both.value("SELECT count(*) FROM ghostwatch.notification WHERE state = 'failed'") == 1


@pytest.mark.attack(
    "pruning, or an alert about stopped checks, as of a future time", role="operator", result="the present time counts"
)
def test_nothing_is_made_older_than_it_is(watched: Database, operator: str) -> None:
    session = watched.connect(operator)
    session.execute("SELECT ghostwatch._prune('9999-01-01')")
    session.execute("SELECT ghostwatch._decide_checks_stopped('9999-01-01')")
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
