"""Class: nobody outside stops the watchdog or the events by holding a lock."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from scripts.build import ROOT
from tests.security.conftest import refused
from tests.support.database import Database


@pytest.mark.attack(
    "advisory locks that would stop events and the alert about stopped checks",
    role="anyone who can connect",
    result="there are none",
)
@pytest.mark.both_kinds
def test_advisory_locks_of_a_stranger_stop_nothing(watched: Database, make_role: Callable[[], str]) -> None:
    holder = watched.connect(make_role())
    for relation in ("ghostwatch.alert", "ghostwatch.event"):
        holder.execute(
            """
            SELECT pg_advisory_lock(
                (SELECT oid::integer FROM pg_namespace WHERE nspname = 'ghostwatch'),
                (SELECT c.oid::integer FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                 WHERE n.nspname || '.' || c.relname = %s)
            )
            """,
            [relation],
        )
    watched.execute("SELECT * FROM ghostwatch.claim_notifications('me')")
    assert watched.value("SELECT count(*) FROM ghostwatch.event WHERE gathered_at IS NULL") == 0

    watched.execute("UPDATE ghostwatch.check_progress SET last_success_at = now() - interval '1 day'")
    watched.execute("SELECT ghostwatch._decide_checks_stopped(clock_timestamp())")
    assert watched.value("SELECT count(*) FROM ghostwatch.alert WHERE kind = 'checks_stopped'") == 1


@pytest.mark.attack("locking the rows that serialise tasks", role="operator", result="refused")
@pytest.mark.both_kinds
def test_an_operator_cannot_lock_what_serialises_a_task(watched: Database, operator: str) -> None:
    session = watched.connect(operator)
    refused("42501", lambda: session.execute("SELECT FROM ghostwatch.exclusive_task FOR UPDATE"))
    refused("42501", lambda: session.execute("BEGIN; LOCK TABLE ghostwatch.exclusive_task"))


def test_no_function_takes_an_advisory_lock() -> None:
    users = [str(path) for path in (ROOT / "sql").rglob("*.sql") if "pg_advisory" in path.read_text(encoding="utf-8")]
    users += [str(path) for path in (ROOT / "sql").rglob("*.sql") if "pg_try_advisory" in path.read_text("utf-8")]
    assert users == []
