"""Class: what ghostwatch did not grant, nobody has; and the doctor names who has."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import LiteralString

import pytest
from psycopg import sql

from tests.security.conftest import refused
from tests.support.database import Database, install

pytestmark = pytest.mark.both_kinds

FOREIGN: LiteralString = """
    SELECT DISTINCT grantee_name
    FROM (
        SELECT * FROM ghostwatch._foreign_grants('ghostwatch')
        UNION ALL
        SELECT * FROM ghostwatch._foreign_grants('onboarding')
    ) AS f
"""


def said(database: Database) -> list[tuple[str, str, str]]:
    """What the doctor has against the privileges."""
    return database.rows(
        """
        SELECT verdict, finding, advice FROM ghostwatch.doctor()
        WHERE check_name = 'privileges' AND verdict <> 'ok'
        """
    )


def close_public(database: Database) -> None:
    """Before PostgreSQL 15 everybody may create objects in public, which is a finding of its own."""
    database.execute("REVOKE CREATE ON SCHEMA public FROM public")


@pytest.mark.attack(
    "default privileges of the installer", role="any role", result="revoked on installation; named by the doctor"
)
def test_default_privileges_let_nobody_in(empty_database: Database, make_role: Callable[[], str], kind: str) -> None:
    role = make_role()
    for objects in ("TABLES", "SEQUENCES", "ROUTINES", "SCHEMAS"):
        empty_database.connection.execute(
            sql.SQL("ALTER DEFAULT PRIVILEGES GRANT ALL ON {} TO {}").format(sql.SQL(objects), sql.Identifier(role))
        )
    install(empty_database.server, empty_database.name, kind)
    assert empty_database.rows(FOREIGN) == []

    found = said(empty_database)
    assert found
    for verdict, finding, advice in found:
        assert verdict == "warning"
        assert finding.startswith("Default privileges of postgres give ")
        empty_database.connection.execute(advice.encode())
    assert said(empty_database) == []
    empty_database.connection.execute(
        sql.SQL("ALTER DEFAULT PRIVILEGES REVOKE ALL ON SCHEMAS FROM {}").format(sql.Identifier(role))
    )


@pytest.mark.attack("privileges granted by hand", role="any role", result="named by the doctor")
def test_the_doctor_names_every_grantee_that_ghostwatch_did_not_grant(
    database: Database, operator: str, make_role: Callable[[], str]
) -> None:
    assert said(database) == []
    role = make_role()
    statements: tuple[LiteralString, ...] = (
        "GRANT USAGE ON SCHEMA ghostwatch TO {}",
        "GRANT EXECUTE ON FUNCTION ghostwatch.doctor() TO {}",
        "GRANT DELETE ON ghostwatch.alert TO {}",
    )
    for statement in statements:
        database.connection.execute(sql.SQL(statement).format(sql.Identifier(role)))
    [(verdict, finding, advice)] = said(database)
    assert verdict == "warning"
    assert finding.startswith(f'"{role}" has privileges that ghostwatch did not grant, on ')
    database.connection.execute(advice.encode())
    assert said(database) == []
    assert operator


@pytest.mark.attack("granting to PUBLIC by mistake", role="installer", result="refused (GW057)")
def test_nothing_is_granted_to_public(database: Database) -> None:
    for function in ("grant_sidecar", "grant_operator"):
        error = refused(
            "GW057",
            partial(
                database.connection.execute,
                sql.SQL("SELECT ghostwatch.{}('public')").format(sql.Identifier(function)),
            ),
        )
        assert error.diag.message_hint is not None
        assert "CREATE ROLE public" not in error.diag.message_hint


@pytest.mark.attack(
    "a trigger, policy or view on a table that a superuser's contract reads",
    role="owner of the table",
    result="named by the doctor",
)
def test_the_doctor_names_a_superuser_over_tables_of_others(watched: Database, make_role: Callable[[], str]) -> None:
    close_public(watched)
    role = make_role()
    watched.connection.execute(sql.SQL("ALTER TABLE meme OWNER TO {}").format(sql.Identifier(role)))
    [(verdict, finding, _)] = said(watched)
    assert verdict == "warning"
    assert finding == (
        f"Superuser postgres owns contract 'mine' and reads public.meme, which belongs to \"{role}\": "
        "that role can run code as superuser."
    )


@pytest.mark.attack(
    "functions and operators in a schema that expressions look up names in",
    role="anyone, where PUBLIC may create there",
    result="named by the doctor",
)
def test_the_doctor_names_a_schema_open_to_everybody(watched: Database) -> None:
    watched.execute("GRANT CREATE ON SCHEMA public TO public")
    [(verdict, finding, advice)] = said(watched)
    assert (verdict, finding) == (
        "warning",
        "Everybody may create objects in schema public, which the expressions of contract 'mine' look up names in.",
    )
    watched.connection.execute(advice.encode())
    assert said(watched) == []


@pytest.mark.attack(
    "a contract that no run can judge, since its owner lost its privileges",
    role="operator",
    result="named by the doctor",
)
def test_the_doctor_names_an_owner_of_contracts_without_privileges(watched: Database, operator: str) -> None:
    close_public(watched)
    watched.connection.execute(
        sql.SQL(
            "CREATE TABLE account (id bigint PRIMARY KEY, created_at timestamptz); GRANT SELECT ON account TO {0}"
        ).format(sql.Identifier(operator))
    )
    watched.connect(operator).execute("SELECT ghostwatch.declare_contract('theirs', 'account')")
    watched.connection.execute(sql.SQL("REVOKE ALL ON SCHEMA ghostwatch FROM {}").format(sql.Identifier(operator)))
    [(verdict, finding, advice)] = said(watched)
    assert verdict == "error"
    assert finding == f'Role "{operator}" owns contracts and has no privileges on ghostwatch: nothing checks them.'
    watched.connection.execute(advice.encode())
    assert said(watched) == []


@pytest.mark.attack(
    "the trigger function of a contract, attached to another table",
    role="a role with EXECUTE on it",
    result="it does nothing; named by the doctor",
)
def test_the_doctor_names_a_trigger_on_a_table_of_no_contract(watched: Database, stranger: str) -> None:
    close_public(watched)
    watched.execute("""SELECT ghostwatch.declare_contract('captured', '"user"', capture => true)""")
    function = watched.value("SELECT tgfoid::regproc::text FROM pg_trigger WHERE tgname LIKE 'ghostwatch%%'")
    watched.connection.execute(
        sql.SQL("GRANT EXECUTE ON FUNCTION {}() TO {}; GRANT CREATE ON SCHEMA public TO {}").format(
            sql.SQL(function), sql.Identifier(stranger), sql.Identifier(stranger)
        )
    )
    watched.connect(stranger).execute(
        sql.SQL(
            """
            CREATE TABLE public.bait (id bigint);
            CREATE TRIGGER bait AFTER INSERT ON public.bait REFERENCING NEW TABLE AS newcomer
            FOR EACH STATEMENT EXECUTE FUNCTION {}();
            INSERT INTO public.bait VALUES (666)
            """
        ).format(sql.SQL(function))
    )
    assert watched.rows("SELECT FROM ghostwatch.arrival WHERE subject_key = '666'") == []
    found = {finding: (verdict, advice) for verdict, finding, advice in said(watched)}
    trigger = "Trigger bait runs a function of ghostwatch on public.bait, which is the table of no contract."
    assert found[trigger] == ("error", "DROP TRIGGER bait ON public.bait;")
    assert any(finding.startswith(f'"{stranger}" has privileges that ghostwatch did not grant') for finding in found)


@pytest.mark.attack(
    "a trigger or default on a table that `start()` writes as superuser",
    role="owner of the table",
    result="named by the doctor",
)
def test_the_doctor_names_a_superuser_who_owns_start(database: Database, make_role: Callable[[], str]) -> None:
    close_public(database)
    database.execute("SELECT FROM onboarding.adopt()")
    assert said(database) == []
    role = make_role()
    database.connection.execute(sql.SQL("ALTER TABLE public.user_tg OWNER TO {}").format(sql.Identifier(role)))
    advice = {finding: advice for _, finding, advice in said(database)}
    [(found, mend)] = [(finding, mend) for finding, mend in advice.items() if "owns onboarding." in finding]
    assert found.startswith("Superuser postgres owns ")
    assert "onboarding.start(" in found
    assert found.endswith(f'writes public.user_tg, which belongs to "{role}": that role can run code as superuser.')
    assert mend.startswith("ALTER FUNCTION onboarding.")


@pytest.mark.attack(
    "a policy or view that a superuser's check runs read",
    role="owner of the table",
    result="a warning of `schedule()`; named by the doctor",
)
@pytest.mark.pg_cron
def test_the_doctor_names_a_superuser_whose_job_runs_the_checks(
    cron_home: Database, make_role: Callable[[], str]
) -> None:
    close_public(cron_home)
    role = make_role()
    cron_home.connection.execute(
        sql.SQL(
            """
            CREATE TABLE account (id bigint PRIMARY KEY, created_at timestamptz);
            ALTER TABLE account OWNER TO {}
            """
        ).format(sql.Identifier(role))
    )
    cron_home.execute("SELECT ghostwatch.declare_contract('mine', 'account')")
    cron_home.execute("SELECT ghostwatch.declare_invariant('mine', 'itself', 'account', 'id')")
    notices: list[str] = []
    cron_home.connection.add_notice_handler(lambda notice: notices.append(str(notice.message_primary)))
    cron_home.execute("SELECT ghostwatch.schedule()")
    try:
        assert "the checks will run as superuser postgres" in notices
        [(verdict, finding, advice)] = [found for found in said(cron_home) if found[1].startswith("Job ")]
        assert verdict == "warning"
        assert "runs the checks as superuser postgres" in finding
        assert "SET ROLE ghostwatch_owner" in advice
    finally:
        cron_home.execute("SELECT ghostwatch.unschedule()")
