"""Class: the time is the server's, whatever a session sets."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import LiteralString

import pytest
from psycopg import sql

from tests.security.conftest import refused
from tests.support.database import Database

pytestmark = pytest.mark.both_kinds


@pytest.mark.attack("`ghostwatch.clock` in the year 9999, to mute a chat", role="sidecar", result="ignored")
def test_a_sidecar_cannot_mute_a_chat_for_ever(watched: Database, make_role: Callable[[], str]) -> None:
    role = make_role()
    watched.execute("SELECT ghostwatch.grant_sidecar(%s)", role)
    sidecar = watched.connect(role)
    sidecar.execute("SET ghostwatch.clock = '9999-01-01'")
    sidecar.execute("SELECT * FROM ghostwatch.claim_notifications('evil')")
    assert watched.value("SELECT count(*) FROM ghostwatch.notification WHERE next_attempt_at > '3000-01-01'") == 0
    assert watched.value("SELECT count(*) FROM ghostwatch.chat WHERE chat::text LIKE '%9999-%'") == 0


@pytest.mark.attack("`ghostwatch.clock` in the past, to evade capture", role="anyone who inserts", result="ignored")
def test_who_inserts_cannot_evade_capture(watched: Database, stranger: str) -> None:
    watched.execute("""SELECT ghostwatch.declare_contract('captured', '"user"', capture => true)""")
    watched.connection.execute(sql.SQL('GRANT INSERT ON "user" TO {}').format(sql.Identifier(stranger)))
    signup = watched.connect(stranger)
    signup.execute("SET ghostwatch.clock = '1970-01-01'")
    signup.execute("""INSERT INTO "user" VALUES (2, now())""")
    assert watched.value(
        "SELECT arrived_at > now() - interval '1 minute' FROM ghostwatch.arrival WHERE subject_key = '2'"
    )


@pytest.mark.attack("`ghostwatch.clock = 'infinity'`, to break the doctor", role="anyone", result="ignored")
def test_infinity_does_not_break_the_doctor(watched: Database) -> None:
    watched.execute("SET ghostwatch.clock = 'infinity'")
    watched.execute("SELECT * FROM ghostwatch.doctor()")


@pytest.mark.attack(
    "enabling the test clock", role="operator, anyone", result="refused; named by the doctor while it is enabled"
)
def test_only_the_owner_of_the_database_enables_a_test_clock(
    watched: Database, operator: str, make_role: Callable[[], str]
) -> None:
    for session in (watched.connect(operator), watched.connect(make_role())):
        refused("42501", partial(session.execute, "SELECT ghostwatch.enable_test_clock()"))

    watched.execute("SELECT ghostwatch.enable_test_clock()")
    found = watched.rows(
        "SELECT verdict, advice FROM ghostwatch.doctor() WHERE check_name = 'privileges' AND verdict = 'error'"
    )
    assert found == [("error", "SELECT ghostwatch.disable_test_clock();")]
    watched.connection.execute(found[0][1].encode())
    assert not watched.value("SELECT ghostwatch._test_clock_is_enabled()")


def test_nothing_reads_the_setting_while_the_test_clock_is_off(database: Database) -> None:
    """No function, view, default, policy or trigger, and none again after the test clock was on."""
    readers: LiteralString = """
        SELECT p.oid::regprocedure::text
        FROM pg_proc AS p
        WHERE p.pronamespace::regnamespace::text IN ('ghostwatch', 'onboarding')
            AND p.prokind <> 'a'
            -- A function that only says how to enable the test clock contains the name, too.
            AND p.proname <> 'enable_test_clock'
            AND pg_get_functiondef(p.oid) LIKE '%ghostwatch.clock%'
        UNION ALL
        SELECT c.oid::regclass::text
        FROM pg_class AS c
        WHERE c.relnamespace::regnamespace::text IN ('ghostwatch', 'onboarding')
            AND c.relkind = 'v'
            AND pg_get_viewdef(c.oid) LIKE '%ghostwatch.clock%'
        UNION ALL
        SELECT d.adrelid::regclass::text FROM pg_attrdef AS d
        WHERE pg_get_expr(d.adbin, d.adrelid) LIKE '%ghostwatch.clock%'
        UNION ALL
        SELECT p.tablename FROM pg_policies AS p WHERE concat(p.qual, p.with_check) LIKE '%ghostwatch.clock%'
    """
    assert database.rows(readers) == []
    database.execute("SELECT ghostwatch.enable_test_clock()")
    assert database.rows(readers) == [("ghostwatch._clock()",)]
    database.execute("SELECT ghostwatch.disable_test_clock()")
    assert database.rows(readers) == []


@pytest.mark.attack("enabling the test clock with EXECUTE granted", role="any role", result="refused (GW060)")
def test_a_granted_execute_does_not_enable_it(watched: Database, make_role: Callable[[], str]) -> None:
    role = make_role()
    watched.connection.execute(
        sql.SQL(
            "GRANT USAGE ON SCHEMA ghostwatch TO {0}; GRANT EXECUTE ON FUNCTION ghostwatch.enable_test_clock() TO {0}"
        ).format(sql.Identifier(role))
    )
    said = refused("GW060", lambda: watched.connect(role).execute("SELECT ghostwatch.enable_test_clock()"))
    assert said.diag.message_hint == "SET ROLE postgres;"
