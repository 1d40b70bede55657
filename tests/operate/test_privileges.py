"""Who may do what: read from the catalogue, and tried out as the roles themselves."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql

from ghostwatch.notifier import queries
from scripts.build import ROOT
from tests.support.attacks import alert_of_the_superuser
from tests.support.database import Database, install

# The folder is the grant.
SIDECAR = {path.stem for path in (ROOT / "sql" / "ghostwatch" / "sidecar").glob("*.sql")}
VIEWER = {path.stem for path in (ROOT / "sql" / "ghostwatch" / "page").glob("page_*.sql")}
INSTALLER = {"disable_test_clock", "enable_test_clock", "grant_operator", "grant_sidecar", "grant_viewer"}

OPEN_TO_EVERYBODY: LiteralString = """
    SELECT n.nspname, acl.privilege_type
    FROM pg_namespace AS n
    CROSS JOIN aclexplode(n.nspacl) AS acl
    WHERE n.nspname IN ('ghostwatch', 'onboarding') AND acl.grantee = 0
    UNION ALL
    SELECT c.oid::regclass::text, acl.privilege_type
    FROM pg_class AS c
    CROSS JOIN aclexplode(c.relacl) AS acl
    WHERE c.relnamespace::regnamespace::text IN ('ghostwatch', 'onboarding') AND acl.grantee = 0
    UNION ALL
    SELECT p.oid::regprocedure::text, acl.privilege_type
    FROM pg_proc AS p
    CROSS JOIN aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS acl
    WHERE p.pronamespace::regnamespace::text IN ('ghostwatch', 'onboarding') AND acl.grantee = 0
"""


def functions(database: Database, role: str, schema: str = "ghostwatch") -> set[str]:
    """The names of the functions and procedures that a role may execute."""
    return {
        name
        for (name,) in database.rows(
            """
            SELECT p.proname FROM pg_proc AS p
            WHERE p.pronamespace = %s::regnamespace AND has_function_privilege(%s, p.oid, 'EXECUTE')
            """,
            schema,
            role,
        )
    }


def tables(database: Database, role: str) -> dict[str, str]:
    """What a role may do with each table and view, as initials: select, insert, update, delete, truncate."""
    return dict(
        database.rows(
            """
            SELECT c.relname, string_agg(left(lower(p.privilege), 1), '' ORDER BY p.place)
            FROM pg_class AS c
            CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE'])
                WITH ORDINALITY AS p (privilege, place)
            WHERE c.relnamespace = 'ghostwatch'::regnamespace
                AND c.relkind IN ('r', 'v')
                AND has_table_privilege(%s, c.oid, p.privilege)
            GROUP BY c.relname
            """,
            role,
        )
    )


def denied(connection: psycopg.Connection[Any], statement: LiteralString) -> None:
    """The role may not do this."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)


@pytest.fixture
def watched(database: Database) -> Database:
    """A database with a contract of the superuser, an alert, and a notification about it."""
    alert_of_the_superuser(database)
    return database


@pytest.mark.both_kinds
def test_nothing_is_open_to_everybody(database: Database) -> None:
    assert database.rows(OPEN_TO_EVERYBODY) == []


@pytest.mark.attack("default privileges for PUBLIC", role="anyone", result="revoked")
@pytest.mark.both_kinds
def test_nothing_is_open_to_everybody_whatever_the_default_privileges(empty_database: Database, kind: str) -> None:
    for objects in ("TABLES", "SEQUENCES", "ROUTINES", "SCHEMAS"):
        empty_database.connection.execute(
            sql.SQL("ALTER DEFAULT PRIVILEGES GRANT ALL ON {} TO public").format(sql.SQL(objects))
        )
    install(empty_database.server, empty_database.name, kind)
    assert empty_database.rows(OPEN_TO_EVERYBODY) == []


def test_a_role_without_grants_may_do_nothing(watched: Database, make_role: Callable[[], str]) -> None:
    role = make_role()
    assert functions(watched, role) == set()
    assert tables(watched, role) == {}
    denied(watched.connect(role), "SELECT * FROM ghostwatch.status")
    denied(watched.connect(role), "CALL ghostwatch.run_checks()")


@pytest.mark.attack("reading any table, or calling anything but delivery", role="sidecar", result="refused")
@pytest.mark.both_kinds
def test_a_sidecar_may_deliver_and_nothing_else(watched: Database, make_role: Callable[[], str]) -> None:
    role = make_role()
    watched.execute("SELECT ghostwatch.grant_sidecar(%s)", role)
    assert functions(watched, role) == SIDECAR
    assert functions(watched, role, "onboarding") == set()
    assert tables(watched, role) == {}

    sidecar = watched.connect(role)
    sidecar.execute("LISTEN ghostwatch")
    claimed = sidecar.execute("SELECT notification_id FROM ghostwatch.claim_notifications('me')").fetchall()
    assert len(claimed) == 1
    sidecar.execute("SELECT ghostwatch.notification_sent(%s, 'me', 7)", claimed[0])
    sidecar.execute("SELECT * FROM ghostwatch.sidecar_heartbeat('me', '1', true)")
    assert watched.value("SELECT state FROM ghostwatch.notification") == "sent"

    denied(sidecar, 'SELECT * FROM "user"')
    for (table,) in watched.rows(
        """
        SELECT relname FROM pg_class
        WHERE relnamespace = 'ghostwatch'::regnamespace AND relkind IN ('r', 'v', 'S')
        """
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            sidecar.execute(sql.SQL("SELECT FROM ghostwatch.{}").format(sql.Identifier(table)))
    denied(sidecar, "UPDATE ghostwatch.alert SET state = 'resolved'")
    denied(sidecar, "DELETE FROM ghostwatch.notification")
    denied(sidecar, "SELECT ghostwatch.acknowledge(1, 'me')")
    denied(sidecar, "SELECT ghostwatch.set_setting('paused', 'true')")
    denied(sidecar, "SELECT ghostwatch.grant_operator(current_user)")
    denied(sidecar, "SELECT ghostwatch.doctor()")
    denied(sidecar, "CALL ghostwatch.run_checks()")


def test_the_sidecar_calls_what_it_is_granted() -> None:
    """And what runs checks, where it is the scheduler too."""
    called = re.findall(r"ghostwatch\.(\w+)\(", Path(queries.__file__).read_text(encoding="utf-8"))
    assert set(called) == SIDECAR | {"run_checks", "run_due_checks", "next_check_due"}


def test_a_sidecar_that_runs_checks_has_both_grants(watched: Database, make_role: Callable[[], str]) -> None:
    role = make_role()
    watched.execute("SELECT ghostwatch.grant_operator(%s), ghostwatch.grant_sidecar(%s)", role, role)
    both = watched.connect(role)
    both.execute("CALL ghostwatch.run_checks()")
    assert len(both.execute("SELECT * FROM ghostwatch.claim_notifications('me')").fetchall()) == 1


def test_an_operator_has_contracts_of_its_own(watched: Database, make_role: Callable[[], str]) -> None:
    role = make_role()
    watched.execute("SELECT ghostwatch.grant_operator(%s)", role)
    every = {
        name for (name,) in watched.rows("SELECT proname FROM pg_proc WHERE pronamespace = 'ghostwatch'::regnamespace")
    }
    assert functions(watched, role) == every - SIDECAR - VIEWER - INSTALLER
    views = {
        name
        for (name,) in watched.rows(
            "SELECT relname FROM pg_class WHERE relnamespace = 'ghostwatch'::regnamespace AND relkind = 'v'"
        )
    }
    granted = tables(watched, role)
    assert set(granted.values()) == {"s"}
    assert views <= granted.keys()

    operator = watched.connect(role)
    watched.execute("CREATE TABLE account (id bigint PRIMARY KEY, created_at timestamptz)")
    watched.connection.execute(sql.SQL("GRANT SELECT ON account, meme TO {}").format(sql.Identifier(role)))
    operator.execute("SELECT ghostwatch.declare_contract('theirs', 'public.account')")
    operator.execute("SELECT ghostwatch.declare_invariant('theirs', 'meme', 'meme', 'user_id')")
    operator.execute("SELECT ghostwatch.declare_branch_family('theirs', 'k%', 'k')")
    watched.execute("INSERT INTO account VALUES (1, clock_timestamp() - interval '10 minutes')")
    operator.execute("CALL ghostwatch.run_checks()")
    found = operator.execute("SELECT contract, error_count FROM ghostwatch.status ORDER BY contract").fetchall()
    assert found == [("theirs", 1)]
    operator.execute("SELECT ghostwatch.acknowledge(alert_id, 'me') FROM ghostwatch.alert WHERE contract = 'theirs'")
    operator.execute("SELECT ghostwatch.set_setting('batch_size', '7')")
    operator.execute("SELECT ghostwatch.pause()")
    operator.execute("SELECT * FROM ghostwatch.doctor()")

    denied(operator, 'SELECT * FROM "user"')
    denied(operator, "SELECT ghostwatch.claim_notifications('me')")
    denied(operator, "SELECT ghostwatch.grant_sidecar(current_user)")
    denied(operator, "UPDATE ghostwatch.installation SET version = '9'")


def test_nobody_writes_what_runs_with_anothers_rights(watched: Database, make_role: Callable[[], str]) -> None:
    role = make_role()
    watched.execute("SELECT ghostwatch.grant_operator(%s)", role)
    operator = watched.connect(role)

    for statement in (
        "UPDATE ghostwatch.contract SET exempt_predicate = 'true'",
        "UPDATE ghostwatch.invariant SET predicate = 'true'",
        "DELETE FROM ghostwatch.invariant",
        "DELETE FROM ghostwatch.contract",
        "INSERT INTO ghostwatch.invariant SELECT * FROM ghostwatch.invariant",
        "INSERT INTO ghostwatch.branch_family VALUES (1, 'k%', 'k')",
        "INSERT INTO ghostwatch.contract SELECT * FROM ghostwatch.contract",
    ):
        denied(operator, statement)


@pytest.mark.attack(
    "expressions that a superuser would plan while declaring again", role="operator", result="refused (GW008)"
)
@pytest.mark.both_kinds
def test_declaring_again_does_not_lend_the_rights_of_who_does_it(
    watched: Database, make_role: Callable[[], str]
) -> None:
    role = make_role()
    watched.execute("SELECT ghostwatch.grant_operator(%s)", role)
    watched.connection.execute(
        sql.SQL('GRANT CREATE ON SCHEMA public TO {0}; GRANT SELECT, TRIGGER ON "user", meme TO {0}').format(
            sql.Identifier(role)
        )
    )
    operator = watched.connect(role)
    operator.execute("""SELECT ghostwatch.declare_contract('theirs', '"user"', capture => true)""")
    operator.execute("SELECT ghostwatch.declare_invariant('theirs', 'meme', 'meme', 'user_id', error_after => '0')")
    operator.execute("SELECT ghostwatch.enforce('theirs', 'warn')")

    # A superuser would plan what the owner wrote with more rights than the owner has.
    for capture in (False, True):
        with pytest.raises(psycopg.Error) as caught:
            watched.execute("""SELECT ghostwatch.declare_contract('theirs', '"user"', capture => %s)""", capture)
        assert (caught.value.sqlstate, caught.value.diag.message_hint) == ("GW008", f'SET ROLE "{role}";')

    owner: LiteralString = "SELECT pg_get_userbyid(owner) FROM ghostwatch.contract WHERE name = 'theirs'"
    assert watched.value(owner) == role
    written = watched.rows(
        """
        SELECT regexp_replace(proname, '\\d+', ''), pg_get_userbyid(proowner) FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'ghostwatch%' ORDER BY 1
        """
    )
    assert written == [("ghostwatch_capture_", role), ("ghostwatch_enforce_", role)]


@pytest.mark.attack(
    "expressions that a superuser's check run or doctor would run", role="operator", result="run as the owner only"
)
@pytest.mark.both_kinds
def test_what_an_owner_wrote_is_replayed_for_the_owner_only(watched: Database, make_role: Callable[[], str]) -> None:
    role = make_role()
    watched.execute("SELECT ghostwatch.grant_operator(%s)", role)
    watched.connection.execute(
        sql.SQL(
            """
            CREATE TABLE ran_as (role name);
            CREATE FUNCTION spy() RETURNS boolean LANGUAGE sql
            AS 'INSERT INTO ran_as SELECT current_user RETURNING true';
            GRANT SELECT ON "user", meme TO {0};
            GRANT INSERT, SELECT ON ran_as TO {0}
            """
        ).format(sql.Identifier(role))
    )
    operator = watched.connect(role)
    operator.execute("""SELECT ghostwatch.declare_contract('theirs', '"user"', exempt_predicate => 'NOT spy()')""")
    declare: LiteralString = """
        SELECT ghostwatch.declare_invariant(
            'theirs', 'self', '"user"', 'id', related_at_column => 'created_at', error_after => %s
        )
    """
    operator.execute(declare, ["5 minutes"])
    operator.execute("CALL ghostwatch.run_checks()")

    operator.execute(declare, ["6 minutes"])
    with pytest.raises(psycopg.Error) as caught:
        watched.execute(declare, "7 minutes")
    assert caught.value.sqlstate == "GW008"
    watched.execute("CALL ghostwatch.run_checks()")
    watched.execute("SELECT * FROM ghostwatch.doctor()")

    assert watched.rows("SELECT DISTINCT role FROM ran_as") == [(role,)]


def test_grants_are_the_installers(database: Database, make_role: Callable[[], str]) -> None:
    role = make_role()
    for function in ("grant_sidecar", "grant_operator"):
        for missing in ("nobody", None):
            with pytest.raises(psycopg.Error) as caught:
                database.connection.execute(
                    sql.SQL("SELECT ghostwatch.{}(%s)").format(sql.Identifier(function)), [missing]
                )
            assert caught.value.sqlstate == "GW057"

    database.execute("SELECT ghostwatch.grant_operator(%s)", role)
    database.connection.execute(
        sql.SQL("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ghostwatch TO {}").format(sql.Identifier(role))
    )
    with pytest.raises(psycopg.Error) as caught:
        database.connect(role).execute("SELECT ghostwatch.grant_sidecar(current_user)")
    assert caught.value.sqlstate == "GW058"
    assert caught.value.diag.message_hint == "SET ROLE postgres;"


@pytest.mark.both_kinds
def test_definers_pin_their_search_path(database: Database) -> None:
    assert (
        database.rows(
            """
        SELECT p.oid::regprocedure::text, p.proconfig
        FROM pg_proc AS p
        WHERE p.pronamespace::regnamespace::text IN ('ghostwatch', 'onboarding')
            AND p.prosecdef
            AND 'search_path=pg_catalog, pg_temp' <> ALL (coalesce(p.proconfig, '{}'))
        """
        )
        == []
    )


@pytest.mark.both_kinds
def test_everything_is_described(database: Database) -> None:
    assert (
        database.rows(
            """
        SELECT p.oid::regprocedure::text
        FROM pg_proc AS p
        WHERE p.pronamespace::regnamespace::text IN ('ghostwatch', 'onboarding')
            AND obj_description(p.oid, 'pg_proc') IS NULL
        UNION ALL
        SELECT c.oid::regclass::text
        FROM pg_class AS c
        WHERE c.relnamespace::regnamespace::text IN ('ghostwatch', 'onboarding')
            AND c.relkind IN ('r', 'v')
            AND obj_description(c.oid, 'pg_class') IS NULL
        """
        )
        == []
    )
