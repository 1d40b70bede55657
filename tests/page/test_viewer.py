"""A viewer reads counts and states, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, LiteralString

import psycopg
import pytest
from psycopg import sql

from tests.detect.bot import Bot, minutes
from tests.page.plans import scans_of
from tests.support.database import Database

CALLS: Final[dict[str, LiteralString]] = {
    "page_alert": "(1)",
    "page_alert_delivery": "(1)",
    "page_alert_timeline": "(1)",
    "page_alerts": "()",
    "page_branches": "('onboarding', 'first_meme', '2026-01-15 10:00+00')",
    "page_changes": "()",
    "page_clauses": "()",
    "page_cohort": "('onboarding', 'first_meme', '2026-01-15 10:00+00')",
    "page_days": "()",
    "page_findings": "()",
    "page_health": "()",
    "page_marks": "('onboarding', '2026-01-15 10:00+00')",
    "page_rates": "('onboarding', 'first_meme', '2026-01-15 10:00+00')",
}


@pytest.fixture
def small_incident(database: Database) -> Bot:
    """A bot with an alert: ten users came, three of them without a meme."""
    bot = Bot.create(database)
    bot.declare(rule="threshold")
    database.execute("SELECT ghostwatch.add_channel('admins', -1001)")
    for key in range(770_001, 770_011):
        bot.sign_up(key, branch="kitchen")
        if key % 3:
            bot.get_meme(key)
    bot.run_every_minute(minutes(7))
    assert database.value("SELECT count(*) FROM ghostwatch.alert") == 1
    return bot


@pytest.fixture
def viewer(small_incident: Bot, make_role: Callable[[], str]) -> psycopg.Connection[Any]:
    """A session of a role that was given to grant_viewer()."""
    role = make_role()
    small_incident.database.execute("SELECT ghostwatch.grant_viewer(%s)", role)
    return small_incident.database.connect(role)


@pytest.mark.both_kinds
def test_a_viewer_can_call_what_the_page_asks_for(viewer: psycopg.Connection[Any]) -> None:
    """Every function answers, and no answer has the key of a user in it."""
    for name, arguments in CALLS.items():
        rows = viewer.execute("SELECT * FROM ghostwatch." + name + arguments).fetchall()
        assert rows or name == "page_marks", name
        assert "77000" not in str(rows), name


@pytest.mark.attack(
    "reading tables and views, and calling other functions of ghostwatch",
    role="viewer",
    result="refused",
)
@pytest.mark.both_kinds
def test_a_viewer_can_do_nothing_else(viewer: psycopg.Connection[Any]) -> None:
    """No table, no view, and no other function of ghostwatch."""
    readable = viewer.execute(
        """
        SELECT c.relname FROM pg_class AS c
        WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'ghostwatch')
            AND CASE c.relkind
                WHEN 'S' THEN has_sequence_privilege(c.oid, 'USAGE, SELECT, UPDATE')
                WHEN 'r' THEN has_table_privilege(c.oid, 'DELETE')
                    OR has_any_column_privilege(c.oid, 'SELECT, INSERT, UPDATE')
                WHEN 'v' THEN has_any_column_privilege(c.oid, 'SELECT, INSERT, UPDATE')
            END
        """
    ).fetchall()
    assert readable == []
    callable_functions = viewer.execute(
        """
        SELECT p.proname FROM pg_proc AS p
        WHERE p.pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'ghostwatch')
            AND has_function_privilege(p.oid, 'EXECUTE')
        """
    ).fetchall()
    assert {name for (name,) in callable_functions} == set(CALLS)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        viewer.execute('SELECT FROM "user"')


def test_a_viewer_is_no_foreign_grantee(small_incident: Bot, viewer: psycopg.Connection[Any]) -> None:
    """The doctor knows that ghostwatch granted it."""
    assert (
        small_incident.database.rows(
            "SELECT finding FROM ghostwatch.doctor() WHERE check_name = 'privileges' AND finding LIKE '%did not grant%'"
        )
        == []
    )


def test_only_the_installer_grants(small_incident: Bot, make_role: Callable[[], str]) -> None:
    """Errors say which role is missing."""
    with pytest.raises(psycopg.Error) as raised:
        small_incident.database.execute("SELECT ghostwatch.grant_viewer('nobody here')")
    assert raised.value.sqlstate == "GW057"
    role = make_role()
    small_incident.database.execute("SELECT ghostwatch.grant_operator(%s)", role)
    with small_incident.database.connect(role) as operator, pytest.raises(psycopg.errors.InsufficientPrivilege):
        operator.execute("SELECT ghostwatch.grant_viewer(%s)", [role])


@pytest.fixture
def ninety_days(database: Database) -> Database:
    """Counts of ninety days and fifty branches, of two invariants, as the planner knows them."""
    bot = Bot.create(database)
    bot.declare()
    bot.declare_invariant(name="second_meme")
    database.execute(
        """
        INSERT INTO ghostwatch.branch_minute
        SELECT i.invariant_id, m.minute, 'family_' || f, 1, (f = 7)::integer
        FROM ghostwatch.invariant AS i
        CROSS JOIN generate_series(%s::timestamptz - interval '90 days', %s, interval '3 hours') AS m (minute)
        CROSS JOIN generate_series(1, 50) AS f
        """,
        bot.now,
        bot.now,
    )
    database.execute("VACUUM (ANALYZE) ghostwatch.branch_minute, ghostwatch.branch_sum")
    return database


def test_what_is_shown_is_read_by_index(ninety_days: Database) -> None:
    """Ninety days come from the daily sums, a week from the hourly ones: never more rows than are shown."""
    calls: list[tuple[LiteralString, int]] = [
        ("page_days('UTC', 90)", 2 * 91 * 24),
        ("page_rates('onboarding', 'first_meme', '2025-10-18', '1 day')", 91),
        ("page_rates('onboarding', 'first_meme', '2026-01-08', '1 hour')", 7 * 24),
        ("page_branches('onboarding', 'first_meme', '2025-10-18', '1 day')", 91 * 50),
        ("page_branches('onboarding', 'first_meme', '2026-01-08', '6 hours')", 7 * 24 * 50),
        ("page_rates('onboarding', 'first_meme', '2026-01-15 06:00', '5 minutes')", 6 * 60 * 50),
        ("page_cohort('onboarding', 'first_meme', '2026-01-13 12:00', '1 hour')", 48),
    ]
    for call, most in calls:
        scans = scans_of(ninety_days, sql.SQL("SELECT * FROM ghostwatch." + call))
        counted = [scan for scan in scans if scan["Relation Name"] in ("branch_minute", "branch_sum")]
        assert counted, call
        assert not [scan for scan in counted if scan["Node Type"] == "Seq Scan"], call
        read = sum(scan["Actual Loops"] * scan["Actual Rows"] for scan in counted)
        assert read <= most, (call, read)


def test_the_question_of_every_second_reads_little(ninety_days: Database) -> None:
    """It is asked while somebody looks."""
    scans = scans_of(ninety_days, sql.SQL("SELECT ghostwatch.page_changes()"))
    assert sum(scan["Shared Hit Blocks"] + scan["Shared Read Blocks"] for scan in scans) <= 40
