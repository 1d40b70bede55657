"""Class: every name that ghostwatch uses is its own or PostgreSQL's, whatever the caller's search path."""

from __future__ import annotations

from collections.abc import Callable
from typing import LiteralString

import pytest
from psycopg import sql

from tests.support.database import Database

pytestmark = pytest.mark.both_kinds

# Shadows what PostgreSQL has: the same name and arguments in a schema that stands before pg_catalog.
# Operators and functions on polymorphic types are shadowed for the concrete types that they are used with,
# too: that match is better than PostgreSQL's own wherever on the path it stands.
TRAPS: LiteralString = """
    CREATE SCHEMA trap;
    CREATE FUNCTION trap.fire(what text) RETURNS boolean LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'trap % run by %', what, current_user USING ERRCODE = 'TRAP0';
    END $$;
    GRANT USAGE ON SCHEMA trap TO PUBLIC;

    DO $traps$
    DECLARE
        target record;
        body text;
        shape record;
    BEGIN
        FOR target IN
            SELECT o.oid, o.oprname, o.oprleft, o.oprright, o.oprresult
            FROM pg_catalog.pg_operator AS o
            WHERE o.oprnamespace = 'pg_catalog'::regnamespace AND o.oprkind = 'b'
        LOOP
            FOR shape IN
                SELECT t.l, t.r
                FROM (
                    VALUES
                        (target.oprleft::regtype, target.oprright::regtype),
                        ('integer[]'::regtype, 'integer'::regtype),
                        ('integer[]', 'integer[]'), ('text[]', 'text'), ('text[]', 'text[]'),
                        ('integer', 'interval'), ('text', 'name'), ('text', 'regclass'), ('name', 'text')
                ) AS t (l, r)
                WHERE (t.l, t.r) = (target.oprleft::regtype, target.oprright::regtype)
                    OR target.oprname IN ('||', '=', '<>', '*', '@>', '<@', '&&')
            LOOP
                BEGIN
                    EXECUTE format(
                        'CREATE FUNCTION trap.%I(%s, %s) RETURNS %s LANGUAGE plpgsql AS '
                        '$f$ BEGIN PERFORM trap.fire(%L); RETURN NULL; END $f$',
                        'operator_' || target.oid, shape.l, shape.r,
                        CASE WHEN target.oprresult::regtype::text LIKE 'any%'
                            THEN shape.l ELSE target.oprresult::regtype END,
                        format('%s(%s,%s)', target.oprname, shape.l, shape.r)
                    );
                    EXECUTE format(
                        'CREATE OPERATOR trap.%s (FUNCTION = trap.%I, LEFTARG = %s, RIGHTARG = %s)',
                        target.oprname, 'operator_' || target.oid, shape.l, shape.r
                    );
                EXCEPTION WHEN OTHERS THEN
                    NULL;  -- not for these types, or made already
                END;
            END LOOP;
        END LOOP;

        FOR target IN
            SELECT p.proname, p.oid, pg_get_function_identity_arguments(p.oid) AS arguments,
                p.prorettype::regtype AS result, p.proretset
            FROM pg_catalog.pg_proc AS p
            WHERE p.pronamespace = 'pg_catalog'::regnamespace
                AND p.prokind = 'f'
                AND 'internal'::regtype <> ALL (p.proargtypes::oid[])
                AND p.prorettype NOT IN ('internal'::regtype, 'cstring'::regtype, 'trigger'::regtype)
        LOOP
            BEGIN
                EXECUTE format(
                    'CREATE FUNCTION trap.%I(%s) RETURNS %s %s LANGUAGE plpgsql AS '
                    '$f$ BEGIN PERFORM trap.fire(%L); RETURN; END $f$',
                    target.proname,
                    replace(replace(target.arguments, 'VARIADIC "any"', 'VARIADIC text[]'), '"any"', 'anyelement'),
                    CASE WHEN target.proretset THEN 'SETOF' ELSE '' END, target.result, target.proname
                );
            EXCEPTION WHEN OTHERS THEN
                BEGIN
                    EXECUTE format(
                        'CREATE FUNCTION trap.%I(%s) RETURNS %s LANGUAGE plpgsql AS '
                        '$f$ BEGIN PERFORM trap.fire(%L); RETURN NULL; END $f$',
                        target.proname,
                        replace(replace(target.arguments, 'VARIADIC "any"', 'VARIADIC text[]'), '"any"', 'anyelement'),
                        target.result, target.proname
                    );
                EXCEPTION WHEN OTHERS THEN
                    NULL;
                END;
            END;
        END LOOP;

        -- Better matches than PostgreSQL's own VARIADIC "any".
        FOREACH body IN ARRAY ARRAY[
            'format(text, text)', 'format(text, regclass)', 'format(text, name)', 'format(text, text, regclass)',
            'format(text, text, text)', 'concat_ws(text, text, text)', 'array_position(text[], text)',
            'coalesce_(text)', 'unnest(text[])', 'unnest(integer[])', 'array_append(integer[], integer)'
        ] LOOP
            BEGIN
                EXECUTE format(
                    'CREATE FUNCTION trap.%s RETURNS text LANGUAGE plpgsql AS '
                    '$f$ BEGIN PERFORM trap.fire(%L); RETURN NULL; END $f$',
                    body, body
                );
            EXCEPTION WHEN OTHERS THEN
                NULL;
            END;
        END LOOP;

        FOREACH body IN ARRAY ARRAY['text', 'name', 'jsonb', 'timestamptz', 'regclass', 'regrole', 'oid', 'uuid'] LOOP
            EXECUTE format('CREATE DOMAIN trap.%I AS pg_catalog.%I CHECK (trap.fire(%L))', body, body, 'type ' || body);
        END LOOP;
        FOR target IN
            SELECT c.relname FROM pg_catalog.pg_class AS c
            WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind IN ('r', 'v')
        LOOP
            EXECUTE format('CREATE VIEW trap.%I AS SELECT trap.fire(%L)', target.relname, target.relname);
        END LOOP;
        GRANT SELECT ON ALL TABLES IN SCHEMA trap TO PUBLIC;
    END
    $traps$;
"""

# What people and applications call. The arguments are literals of unknown type, as in psql.
CALLS: tuple[LiteralString, ...] = (
    """SELECT ghostwatch.declare_contract('onboard', 'public.account', branch_expression => 's.link',
        exempt_predicate => 's.link IS NULL', exempt_branches => '{x\\_%}', capture => true)""",
    """SELECT ghostwatch.declare_invariant('onboard', 'greeting', 'public.greeting', 'account_id',
        related_at_column => 'sent_at', warn_after => '1 minute', description => 'said hello')""",
    """SELECT ghostwatch.declare_invariant('onboard', 'now', 'public.greeting', 'account_id', error_after => '0')""",
    "SELECT ghostwatch.declare_branch_family('onboard', 'k%', 'k')",
    "SELECT ghostwatch.set_setting('batch_size', '7')",
    "SELECT ghostwatch.reset_setting('batch_size')",
    "SELECT ghostwatch.add_channel('all', -1, contracts => '{onboard}', events => false)",
    "INSERT INTO public.account VALUES (1, pg_catalog.clock_timestamp(), 'k')",
    "CALL ghostwatch.run_checks()",
    "CALL ghostwatch.run_checks('onboard')",
    "SELECT * FROM ghostwatch.status",
    "SELECT * FROM ghostwatch.settings",
    "SELECT * FROM ghostwatch.alert_history",
    "SELECT * FROM ghostwatch.ghost_summary('onboard', 'greeting')",
    "SELECT * FROM ghostwatch.doctor()",
    "SELECT ghostwatch.silence('onboard', duration => '1 hour')",
    "SELECT ghostwatch.unsilence(1)",
    "SELECT ghostwatch.pause()",
    "SELECT ghostwatch.resume()",
    "SELECT * FROM ghostwatch.enforce('onboard', 'warn')",
    "INSERT INTO public.account VALUES (2, pg_catalog.clock_timestamp(), 'k')",
    "CALL ghostwatch.run_checks()",
    "SELECT * FROM ghostwatch.enforce('onboard', 'observe')",
    "SELECT ghostwatch.declare_contract('onboard', 'public.account', branch_expression => 's.link')",
    "SELECT * FROM ghostwatch.backtest('onboard', 'greeting')",
    "SELECT ghostwatch.drop_branch_family('onboard', 'k%')",
    "SELECT ghostwatch.drop_invariant('onboard', 'now')",
    "SELECT ghostwatch.drop_contract('onboard')",
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
        INSERT INTO greeting SELECT n, clock_timestamp() FROM generate_series(10, 30) AS n
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


@pytest.mark.parametrize("where", ["in front of pg_catalog", "behind pg_catalog"])
def test_no_trap_fires(trapped: Database, make_role: Callable[[], str], where: str) -> None:
    role = make_role()
    trapped.execute("SELECT ghostwatch.grant_operator(%s)", role)
    trapped.connection.execute(
        sql.SQL(
            "GRANT SELECT, INSERT, TRIGGER ON account, greeting TO {0}; GRANT CREATE ON SCHEMA public TO {0}"
        ).format(sql.Identifier(role))
    )
    caller = trapped.connect(role)
    path: LiteralString = (
        "SET search_path = trap, pg_catalog, ghostwatch"
        if where == "in front of pg_catalog"
        else "SET search_path = pg_catalog, trap, ghostwatch"
    )
    caller.execute(path)
    for call in CALLS:
        # What is declared looks up names where the declaring session did; only that may meet a trap.
        declaring = ".declare_contract" in call
        if declaring:
            caller.execute("SET search_path = public")
        caller.execute(call)
        if declaring:
            caller.execute(path)


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
        ("ghostwatch._require_committing()",),
        ("ghostwatch.run_checks(text)",),
    ]
