"""The rule drift in real check runs, from signups to alerts."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.support.database import Database

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def shop(database: Database) -> Database:
    """A contract under the rule drift, and four days of 20 signups an hour, one in eleven a ghost."""
    database.set_clock(BEGIN)
    database.execute(
        """
        CREATE TABLE customer (id bigint PRIMARY KEY, created_at timestamptz NOT NULL, link text);
        CREATE TABLE first_order (customer_id bigint NOT NULL, at timestamptz NOT NULL);
        CREATE INDEX ON customer (created_at);
        CREATE INDEX ON first_order (customer_id);
        SELECT ghostwatch.declare_contract('shop', 'customer', branch_expression => 's.link');
        SELECT ghostwatch.declare_branch_family('shop', 'kitchen', 'kitchen');
        SELECT ghostwatch.declare_branch_family('shop', 's\\_%', 'share');
        SELECT ghostwatch.declare_invariant('shop', 'first_order', 'first_order', 'customer_id',
            related_at_column => 'at', warn_after => '1 minute', rule => 'drift');
        INSERT INTO customer
        SELECT n, timestamptz '2026-01-01 00:00+00' + n * interval '3 minutes',
            (ARRAY['kitchen', 's_1', NULL])[1 + n % 3]
        FROM generate_series(1, 1920) AS n;
        INSERT INTO first_order
        SELECT c.id, c.created_at + interval '20 seconds' FROM customer AS c WHERE c.id % 11 <> 0;
        """
    )
    return database


def run_until(database: Database, end: datetime, every: timedelta) -> None:
    """Check runs up to a moment."""
    now: Any = database.value("SELECT ghostwatch._clock()")
    while now < end:
        now = min(now + every, end)
        database.set_clock(now)
        database.execute("CALL ghostwatch.run_checks()")


def test_a_leak_is_found_named_and_its_end_seen(shop: Database) -> None:
    """Three ordinary days; on the fourth kitchen leaks for four hours."""
    leak, healed = BEGIN + timedelta(days=3), BEGIN + timedelta(days=3, hours=4)
    shop.execute(
        "DELETE FROM first_order WHERE customer_id IN"
        " (SELECT c.id FROM customer AS c WHERE c.link = 'kitchen' AND c.created_at >= %s AND c.created_at < %s)",
        leak,
        healed,
    )
    run_until(shop, leak, timedelta(hours=6))
    assert shop.rows("SELECT FROM ghostwatch.alert WHERE kind <> 'checks_stopped'") == []

    run_until(shop, leak + timedelta(hours=2), timedelta(minutes=10))
    ((state, severity, evidence, branches),) = shop.rows(
        "SELECT state, severity, evidence, branches FROM ghostwatch.alert WHERE kind = 'violations'"
    )
    assert (state, severity) == ("firing", "error")
    assert leak <= datetime.fromisoformat(evidence["since"]) <= leak + timedelta(minutes=30)
    assert [branch["family"] for branch in branches if branch.get("named")] == ["kitchen"]
    assert evidence["rate"] > evidence["tolerance"] > evidence["baseline_rate"]
    counted = shop.connection.execute(evidence["query"].encode()).fetchall()
    assert {family: (int(due), int(violations)) for family, due, violations in counted if family} == {
        branch["family"]: (branch["due"], branch["violations"]) for branch in branches
    }

    run_until(shop, BEGIN + timedelta(days=4), timedelta(minutes=30))
    ((state, resolved_at),) = shop.rows("SELECT state, resolved_at FROM ghostwatch.alert WHERE kind = 'violations'")
    assert state == "resolved"
    assert resolved_at > healed


def test_however_runs_cut_the_trials_the_detectors_are_the_same(shop: Database) -> None:
    """Runs every minute of a stretch, or one run for all of it, leave the same state behind."""
    run_until(shop, BEGIN + timedelta(days=2), timedelta(hours=6))
    states = []
    for every in (timedelta(minutes=7), timedelta(hours=3)):
        with psycopg.connect(shop.dsn) as once:
            now = BEGIN + timedelta(days=2)
            while now < BEGIN + timedelta(days=2, hours=3):
                now += every
                moment = min(now, BEGIN + timedelta(days=2, hours=3))
                once.execute("SELECT set_config('ghostwatch.clock', %s, true)", [str(moment)])
                once.execute("SELECT ghostwatch._check_invariant(invariant_id, true) FROM ghostwatch.invariant")
            states.append(
                once.execute(
                    "SELECT branch_family, trials_seen, since, evidence, climb"
                    " FROM ghostwatch.drift_detector ORDER BY 1"
                ).fetchall()
            )
            once.rollback()
    for one, other in zip(*states, strict=True):
        assert one[:3] == other[:3]
        assert one[3] == pytest.approx(other[3], rel=1e-9)
        assert one[4] == pytest.approx(other[4], abs=1e-9)


def notices_of(database: Database, statement: bytes) -> list[tuple[str, str]]:
    """What a statement says beside its result: messages and hints."""
    notices: list[tuple[str, str]] = []
    connection = database.connect()
    connection.add_notice_handler(
        lambda notice: notices.append((notice.message_primary or "", notice.message_hint or ""))
    )
    connection.execute(statement)
    return notices


def test_a_changed_rule_names_the_backtests_that_compare(shop: Database) -> None:
    """Declaring replays nothing; the statements in the hint can be typed as they stand."""
    shop.set_clock(BEGIN + timedelta(days=4))
    same = b"""SELECT ghostwatch.declare_invariant('shop', 'first_order', 'first_order', 'customer_id',
                   related_at_column => 'at', warn_after => '1 minute', rule => 'drift')"""
    assert notices_of(shop, same) == []
    ((message, hint),) = notices_of(shop, same.replace(b"'drift'", b"'threshold'"))
    assert message == "the settings of invariant 'first_order' of contract 'shop' have changed"
    now, previous = re.findall(r"SELECT .*?;", hint)
    assert len(shop.rows(now)) == 1
    assert '\'{"rule": "drift"}\'' in previous
    assert shop.rows(previous) == []


def test_a_redeclared_rate_begins_a_new_history(shop: Database) -> None:
    """What was counted before is then no longer usual; another rule alone keeps it."""
    run_until(shop, BEGIN + timedelta(days=2), timedelta(hours=6))
    declare = """SELECT ghostwatch.declare_invariant('shop', 'first_order', 'first_order', 'customer_id',
        related_at_column => 'at', warn_after => '1 minute', rule => %s, expected_rate => %s)"""
    due = "SELECT due FROM ghostwatch.drift_baseline ORDER BY version DESC LIMIT 1"
    shop.execute(declare, "threshold", 0.1)
    shop.execute(declare, "drift", 0.1)
    assert shop.rows("SELECT branch_family FROM ghostwatch.drift_detector") == []
    run_until(shop, BEGIN + timedelta(days=2, hours=1), timedelta(hours=1))
    assert shop.value(due) > 900

    shop.execute(declare, "drift", 0.3)
    run_until(shop, BEGIN + timedelta(days=2, hours=2), timedelta(hours=1))
    assert shop.value(due) == 0
    assert shop.value("SELECT baseline_rate FROM ghostwatch.drift_baseline") == pytest.approx(0.3)


def test_an_interrupted_run_leaves_no_trace(shop: Database) -> None:
    """Scores and counts are written together or not at all."""
    run_until(shop, BEGIN + timedelta(days=1), timedelta(hours=6))
    before = shop.rows("SELECT * FROM ghostwatch.drift_detector ORDER BY branch_family")
    with psycopg.connect(shop.dsn) as interrupted:
        interrupted.execute("SELECT set_config('ghostwatch.clock', '2026-01-02 12:00+00', true)")
        interrupted.execute("SELECT ghostwatch._check_invariant(invariant_id, true) FROM ghostwatch.invariant")
        interrupted.rollback()
    assert shop.rows("SELECT * FROM ghostwatch.drift_detector ORDER BY branch_family") == before
    run_until(shop, BEGIN + timedelta(days=2), timedelta(hours=6))
    counted, scored = shop.rows(
        "SELECT (SELECT sum(due) FROM ghostwatch.branch_minute)::bigint,"
        " (SELECT trials_seen FROM ghostwatch.drift_detector WHERE branch_family = '')"
    )[0]
    assert counted == scored == 959


def test_a_closed_branch_can_be_dropped(shop: Database) -> None:
    """Nobody comes through it any more who could prove it healthy."""
    leak = BEGIN + timedelta(days=3)
    shop.execute(
        "DELETE FROM first_order WHERE customer_id IN"
        " (SELECT c.id FROM customer AS c WHERE c.link = 'kitchen' AND c.created_at >= %s)",
        leak,
    )
    shop.execute("DELETE FROM customer WHERE link = 'kitchen' AND created_at > %s", leak + timedelta(minutes=54))
    state = "SELECT state FROM ghostwatch.alert WHERE kind = 'violations'"
    run_until(shop, leak, timedelta(hours=6))
    run_until(shop, leak + timedelta(hours=9), timedelta(hours=1))
    assert shop.rows(state) == [("firing",)]

    assert shop.value("SELECT ghostwatch.drop_branch_family('shop', 'kitchen')")
    assert not shop.value("SELECT ghostwatch.drop_branch_family('shop', 'kitchen')")
    run_until(shop, leak + timedelta(hours=10), timedelta(hours=1))
    assert shop.rows(state) == [("resolved",)]
    assert shop.rows("SELECT DISTINCT branch_family FROM ghostwatch.drift_detector ORDER BY 1") == [
        ("",),
        ("none",),
        ("share",),
    ]

    pattern = shop.value("SELECT pattern FROM ghostwatch.branch_family WHERE family = 'share'")
    shop.execute("SELECT ghostwatch.declare_branch_family('shop', %s, 'shared')", pattern)
    assert shop.rows("SELECT DISTINCT branch_family FROM ghostwatch.drift_detector ORDER BY 1") == [("",), ("none",)]


def test_too_small_a_role_cannot_backtest(shop: Database) -> None:
    """A contract's expressions run with the rights of its owner only."""
    shop.execute("CREATE ROLE stranger LOGIN; SELECT ghostwatch.grant_operator('stranger')")
    with pytest.raises(psycopg.Error) as refused:
        shop.connect("stranger").execute("SELECT * FROM ghostwatch.backtest('shop', 'first_order')")
    assert refused.value.sqlstate == "GW020"
    shop.execute("DROP OWNED BY stranger; DROP ROLE stranger")
