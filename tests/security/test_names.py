"""Class: every name that ghostwatch uses is its own or PostgreSQL's, whatever the caller's search path."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql

from tests.support.database import Database
from tests.support.traps import TRAPS

pytestmark = pytest.mark.both_kinds

# Everything that people and programs call, by whom. The arguments are literals of unknown type, as in psql.
CALLS: tuple[tuple[str, LiteralString], ...] = (
    ("installer", "SELECT ghostwatch.grant_operator(%(operator)s)"),
    ("installer", "SELECT ghostwatch.grant_sidecar(%(sidecar)s)"),
    ("installer", "SELECT ghostwatch.enable_test_clock()"),
    ("installer", "SELECT ghostwatch.disable_test_clock()"),
    (
        "operator",
        """SELECT ghostwatch.declare_contract('onboard', 'public.account', branch_expression => 's.link',
        exempt_predicate => 's.link IS NULL', exempt_branches => '{x\\_%}', capture => true)""",
    ),
    (
        "operator",
        """SELECT ghostwatch.declare_invariant('onboard', 'greeting', 'public.greeting', 'account_id',
        related_at_column => 'sent_at', warn_after => '1 minute', description => 'said hello')""",
    ),
    (
        "operator",
        "SELECT ghostwatch.declare_invariant('onboard', 'now', 'public.greeting', 'account_id', error_after => '0')",
    ),
    ("operator", "SELECT ghostwatch.declare_branch_family('onboard', 'k%', 'k')"),
    ("operator", "SELECT ghostwatch.set_setting('batch_size', '7')"),
    ("operator", "SELECT ghostwatch.reset_setting('batch_size')"),
    ("operator", "SELECT ghostwatch.add_channel('all', -1, contracts => '{onboard}', events => false)"),
    ("installer", "SELECT ghostwatch.add_channel('admins', -2, button_user_ids => '{7}')"),
    ("operator", "INSERT INTO public.account VALUES (1, pg_catalog.clock_timestamp(), 'k')"),
    ("operator", "CALL ghostwatch.run_checks()"),
    ("operator", "CALL ghostwatch.run_checks('onboard')"),
    ("operator", "INSERT INTO public.account VALUES (3, pg_catalog.clock_timestamp(), 'k')"),
    ("operator", "CALL ghostwatch.run_due_checks('onboard')"),
    ("operator", "CALL ghostwatch.run_checks(stay_for => '1 second')"),
    ("operator", "SELECT ghostwatch.next_check_due()"),
    ("operator", "SELECT * FROM ghostwatch.status"),
    ("operator", "SELECT * FROM ghostwatch.settings"),
    ("operator", "SELECT * FROM ghostwatch.alert_history"),
    ("operator", "SELECT * FROM ghostwatch.ghost_summary('onboard', 'greeting')"),
    ("operator", "SELECT * FROM ghostwatch.check_subject('onboard', '50')"),
    ("operator", "SELECT * FROM ghostwatch.check_subject('onboard', 50)"),
    ("operator", "SELECT * FROM ghostwatch.prove('onboard', '50')"),
    ("operator", "SELECT ghostwatch.contract_holds('onboard', '20')"),
    ("operator", "SELECT ghostwatch.contract_holds('onboard', '50')"),
    ("operator", "SELECT ghostwatch.clause_holds('onboard', 'greeting', '50')"),
    ("operator", "SELECT ghostwatch.contract_exempts('onboard', '50')"),
    ("operator", "SELECT * FROM ghostwatch.explain_alert(1)"),
    ("operator", "SELECT * FROM ghostwatch.why(1)"),
    ("operator", "SELECT * FROM ghostwatch.why('onboard', 'now')"),
    ("operator", "SELECT ghostwatch.acknowledge(1, 'me')"),
    ("operator", "SELECT * FROM ghostwatch.doctor()"),
    ("installer", "SELECT * FROM ghostwatch.doctor()"),
    ("operator", "SELECT ghostwatch.silence('onboard', duration => '1 hour')"),
    ("operator", "SELECT ghostwatch.unsilence(1)"),
    ("operator", "SELECT ghostwatch.maintenance('1 hour', 'release')"),
    ("operator", "SELECT ghostwatch.end_maintenance()"),
    ("operator", "SELECT ghostwatch.mark('release 214')"),
    ("operator", "SELECT ghostwatch.drill('onboard', 'greeting')"),
    ("operator", "SELECT * FROM ghostwatch.drill_history"),
    ("installer", "SELECT ghostwatch.grant_viewer(%(sidecar)s)"),
    ("installer", "SELECT * FROM ghostwatch.page_clauses()"),
    ("installer", "SELECT * FROM ghostwatch.page_rates('onboard', 'greeting', '2000-01-01')"),
    ("installer", "SELECT * FROM ghostwatch.page_branches('onboard', 'greeting', '2000-01-01')"),
    ("installer", "SELECT * FROM ghostwatch.page_days()"),
    ("installer", "SELECT * FROM ghostwatch.page_cohort('onboard', 'greeting', '2000-01-01')"),
    ("installer", "SELECT * FROM ghostwatch.page_alerts()"),
    ("installer", "SELECT * FROM ghostwatch.page_alert(1)"),
    ("installer", "SELECT * FROM ghostwatch.page_alert_timeline(1)"),
    ("installer", "SELECT * FROM ghostwatch.page_alert_delivery(1)"),
    ("installer", "SELECT ghostwatch.page_changes()"),
    ("installer", "SELECT * FROM ghostwatch.page_marks('onboard', '2000-01-01')"),
    ("installer", "SELECT * FROM ghostwatch.page_health()"),
    ("installer", "SELECT * FROM ghostwatch.page_findings()"),
    ("operator", "CALL ghostwatch.run_checks()"),
    (
        "operator",
        """CREATE FUNCTION public.greet(bigint) RETURNS void LANGUAGE plpgsql
        AS 'BEGIN INSERT INTO public.greeting VALUES ($1, pg_catalog.clock_timestamp()); END'""",
    ),
    (
        "operator",
        """SELECT ghostwatch.declare_invariant('onboard', 'greeting', repair => 'public.greet(bigint)',
        repair_limit => 3)""",
    ),
    ("sidecar", "SELECT ghostwatch.press_button(-2, 7, 'Bob', 'repair', 1)"),
    ("operator", "CALL ghostwatch.run_checks()"),
    ("operator", "SELECT * FROM ghostwatch.repair('onboard', 'greeting', dry_run => true)"),
    ("operator", "CALL ghostwatch.repair('onboard', 'greeting')"),
    ("operator", "SELECT * FROM ghostwatch.repair_history"),
    ("operator", "SELECT ghostwatch.pause()"),
    ("operator", "SELECT ghostwatch.resume()"),
    ("operator", "SELECT * FROM ghostwatch.enforce('onboard', 'warn')"),
    ("operator", "INSERT INTO public.account VALUES (2, pg_catalog.clock_timestamp(), 'k')"),
    ("operator", "CALL ghostwatch.run_checks()"),
    ("operator", "SELECT * FROM ghostwatch.enforce('onboard', 'observe')"),
    ("operator", "SELECT ghostwatch.remove_idle_triggers()"),
    ("operator", "SELECT ghostwatch.post_event('user_started', '1', '{\"first_name\": \"Anna\", \"new\": true}')"),
    ("sidecar", "SELECT * FROM ghostwatch.sidecar_heartbeat('me', '1', true)"),
    ("sidecar", "SELECT ghostwatch.detect_stopped_checks()"),
    ("sidecar", "SELECT * FROM ghostwatch.metrics()"),
    ("sidecar", "SELECT ghostwatch.next_due_in()"),
    ("sidecar", "SELECT * FROM ghostwatch.message_pace()"),
    ("sidecar", "SELECT * FROM ghostwatch.preview_notifications()"),
    ("sidecar", "SELECT * FROM ghostwatch.claim_notifications('me')"),
    ("sidecar", "SELECT ghostwatch.renew_claims('{1,2}', 'me', '1 minute')"),
    ("sidecar", "SELECT ghostwatch.notification_sent(1, 'me', 11)"),
    ("sidecar", "SELECT ghostwatch.notification_retry(2, 'me', 'none', '1 second')"),
    ("sidecar", "SELECT ghostwatch.notification_failed(3, 'me', 'none')"),
    ("sidecar", "SELECT ghostwatch.notification_failed(2, 'me', 'none', true)"),
    ("sidecar", "SELECT ghostwatch.lead_buttons('me', '1 minute')"),
    ("sidecar", "SELECT ghostwatch.press_button(-2, 7, 'Bob', 'silence', 1)"),
    ("sidecar", "SELECT * FROM ghostwatch.channel_address('all')"),
    ("sidecar", "SELECT ghostwatch.channel_topic_lost('all', 3)"),
    ("sidecar", "SELECT ghostwatch.channel_migrated(-2, -1002)"),
    ("sidecar", "SELECT ghostwatch.hold_all_chats('1 second')"),
    ("sidecar", "SELECT ghostwatch.messenger_back()"),
    ("sidecar", "SELECT ghostwatch.sidecar_stopped('me')"),
    ("operator", "SELECT ghostwatch.retry_failed()"),
    ("operator", "SELECT ghostwatch.disable_channel('all', 'for now')"),
    ("operator", "SELECT ghostwatch.enable_channel('all')"),
    ("operator", "SELECT ghostwatch.remove_channel('all')"),
    ("operator", "SELECT ghostwatch.declare_contract('onboard', branch_expression => 's.link')"),
    ("operator", "SELECT * FROM ghostwatch.backtest('onboard', 'greeting')"),
    ("operator", "SELECT ghostwatch.drop_branch_family('onboard', 'k%')"),
    ("operator", "SELECT ghostwatch.drop_invariant('onboard', 'now')"),
    ("operator", "SELECT ghostwatch.drop_contract('onboard')"),
    # Where there is pg_cron, see tests/operate/test_schedule.py.
    ("operator", "SELECT ghostwatch.schedule()"),
    ("operator", "SELECT ghostwatch.unschedule()"),
    ("installer", "SELECT * FROM onboarding.adopt()"),
    ("installer", "SELECT onboarding.grant_app(%(application)s)"),
    ("application", "SELECT * FROM onboarding.start(1, 'Anna', deep_link => 'kitchen', language_code => 'de')"),
    ("application", "SELECT * FROM onboarding.start(1, 'Anna', 'anna')"),
    ("application", "SELECT * FROM onboarding.get_user_info(1)"),
    ("application", "SELECT * FROM onboarding.refresh_user_info(1)"),
    ("installer", "SELECT * FROM ghostwatch.enforce('onboarding', 'reject', force => true)"),
    ("application", "SELECT * FROM onboarding.start(2, 'Bob', deep_link => 's_1_2')"),
    ("installer", "CALL ghostwatch.run_checks()"),
    ("installer", "SELECT * FROM ghostwatch.status"),
    ("installer", "SELECT * FROM ghostwatch.doctor()"),
    ("installer", "SELECT ghostwatch.drop_contract('onboarding')"),
)


@pytest.fixture
def trapped(database: Database) -> Database:
    """A database whose schema trap shadows what PostgreSQL has."""
    database.execute(
        """
        CREATE TABLE account (id bigint PRIMARY KEY, created_at timestamptz, link text);
        CREATE TABLE greeting (account_id bigint PRIMARY KEY, sent_at timestamptz);
        INSERT INTO account
        SELECT n, clock_timestamp() - n * interval '10 seconds', 'k' FROM generate_series(10, 60) AS n;
        INSERT INTO greeting SELECT n, clock_timestamp() FROM generate_series(10, 30) AS n;
        -- What of pgTAP is called.
        CREATE FUNCTION ok(boolean, text) RETURNS text LANGUAGE sql RETURN $2;
        CREATE FUNCTION diag(text) RETURNS text LANGUAGE sql RETURN $1
        """
    )
    database.execute(TRAPS)
    return database


def test_the_traps_fire(trapped: Database) -> None:
    """They shadow what the attacks on record used."""
    trapped.execute("SET search_path = trap, pg_catalog, public")
    for attack in (
        "SELECT '{1}'::integer[] || 1",
        "SELECT 1 = 1",
        "SELECT format('%s'::pg_catalog.text, 'pg_class'::pg_catalog.regclass)",
        "SELECT array_position('{a}'::pg_catalog.text[], 'a'::pg_catalog.text)",
        "SELECT 2 * interval '1 hour'",
        "SELECT relname FROM pg_class",
        "SELECT 'x'::text",
    ):
        with pytest.raises(Exception, match=r"trap|does not exist"):
            trapped.connection.execute(attack.encode())


@pytest.mark.parametrize(
    ("function", "call"),
    [
        ("ghostwatch.doctor()", "SELECT * FROM ghostwatch.doctor()"),
        ("ghostwatch._next_invariant(text, integer[], uuid)", "CALL ghostwatch.run_checks()"),
        ("ghostwatch.explain_alert(bigint)", "SELECT * FROM ghostwatch.explain_alert(1)"),
    ],
)
def test_a_function_that_pins_nothing_meets_a_trap(
    trapped: Database, function: LiteralString, call: LiteralString
) -> None:
    trapped.execute("SET search_path = public")
    trapped.execute("SELECT ghostwatch.declare_contract('mine', 'account', branch_expression => 's.link')")
    trapped.execute("SELECT ghostwatch.declare_invariant('mine', 'greeting', 'greeting', 'account_id')")
    trapped.execute("CALL ghostwatch.run_checks()")
    trapped.connection.execute(b"ALTER FUNCTION " + function.encode() + b" RESET search_path")
    trapped.execute("SET search_path = trap, pg_catalog, public")
    with pytest.raises(psycopg.Error, match=r"trap|does not exist"):
        trapped.execute(call)


@pytest.mark.attack(
    "better or equal operators, functions, types and relations on the caller's search path",
    role="anyone with CREATE on a schema",
    result="none is looked up",
)
@pytest.mark.parametrize("where", ["in front of pg_catalog", "behind pg_catalog"])
def test_no_trap_fires(trapped: Database, make_role: Callable[[], str], where: str) -> None:
    roles = {actor: make_role() for actor in ("operator", "sidecar", "application")}
    trapped.connection.execute(
        sql.SQL(
            "GRANT SELECT, INSERT, TRIGGER ON account, greeting TO {0}; GRANT CREATE ON SCHEMA public TO {0}"
        ).format(sql.Identifier(roles["operator"]))
    )
    path: LiteralString = (
        "SET search_path = trap, pg_catalog, ghostwatch, public"
        if where == "in front of pg_catalog"
        else "SET search_path = pg_catalog, trap, ghostwatch, public"
    )
    sessions = {"installer": trapped.connect()} | {actor: trapped.connect(role) for actor, role in roles.items()}
    for session in sessions.values():
        session.execute(path)
    for actor, call in CALLS:
        session = sessions[actor]
        # What is declared looks up names where the declaring session did; only that may meet a trap.
        declaring = ".declare_contract" in call or ".adopt" in call
        if declaring:
            session.execute("SET search_path = public")
        try:
            session.execute(call, roles if "%(" in call else None)
        except psycopg.Error as error:
            # There is no pg_cron here, or it lives in another database.
            assert error.sqlstate in ("GW054", "GW055", "GW056") and "schedule" in call, (call, error)
        if declaring:
            session.execute(path)


def test_everything_is_called(database: Database) -> None:
    """Every public function, procedure and view, under the traps."""
    called = {name for _, call in CALLS for name in re.findall(r"(?:ghostwatch|onboarding)\.[a-z]\w*", call)}
    public = {
        name
        for (name,) in database.rows(
            """
            SELECT p.pronamespace::regnamespace || '.' || p.proname FROM pg_proc AS p
            WHERE p.pronamespace::regnamespace::text IN ('ghostwatch', 'onboarding') AND p.proname NOT LIKE '\\_%'
            UNION
            SELECT c.relnamespace::regnamespace || '.' || c.relname FROM pg_class AS c
            WHERE c.relnamespace::regnamespace::text IN ('ghostwatch', 'onboarding')
                AND c.relkind = 'v'
                AND c.relname NOT LIKE '\\_%'
            """
        )
    }
    assert public - called == set()


def test_every_function_pins_its_names(database: Database) -> None:
    """By a SET clause, or by a body that is parsed when it is created; a procedure that commits can have neither.

    _assert() calls the pgTAP that stands on the caller's path, and qualifies all else.
    """
    assert database.rows(
        """
        SELECT p.oid::regprocedure::text
        FROM pg_proc AS p
        WHERE p.pronamespace::regnamespace::text IN ('ghostwatch', 'onboarding')
            AND p.prosqlbody IS NULL
            AND 'search_path=pg_catalog, pg_temp' <> ALL (coalesce(p.proconfig, '{}'))
        ORDER BY 1
        """
    ) == [
        ("ghostwatch._assert(boolean,text,text[])",),
        (
            "ghostwatch._perform_repairs(integer,timestamp with time zone,boolean,integer,timestamp with time zone,"
            "integer,integer,integer,boolean)",
        ),
        ("ghostwatch._repair_in_run(integer,timestamp with time zone,boolean)",),
        ("ghostwatch._require_committing(text,text)",),
        ("ghostwatch._stay(text,timestamp with time zone)",),
        ("ghostwatch.repair(text,text,integer,integer,integer)",),
        ("ghostwatch.run_checks(text,interval)",),
        ("ghostwatch.run_due_checks(text)",),
    ]
