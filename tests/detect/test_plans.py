"""What a check reads: by index, and no more than came."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.detect.bot import Bot, minutes
from tests.support.database import Database

USERS = 20_000
ARRIVALS = 300


@pytest.fixture
def seeded_bot(database: Database) -> Bot:
    """A bot with many users, known to the planner, of whom few came of late."""
    bot = Bot.create(database)
    bot.declare()
    database.execute(
        """
        INSERT INTO "user" (id, created_at)
        SELECT g * 7919 %% 1000003, %s::timestamptz - interval '10 seconds' * g FROM generate_series(360, %s) AS g
        """,
        bot.now,
        USERS,
    )
    database.execute('INSERT INTO user_tg SELECT id, NULL FROM "user"')
    database.execute('INSERT INTO user_meme_reaction SELECT id, m FROM "user", generate_series(1, 5) AS m')
    bot.run()
    database.execute(
        """
        INSERT INTO "user" (id, created_at)
        SELECT 1000003 + g, %s::timestamptz + interval '100 milliseconds' * g FROM generate_series(1, %s) AS g
        """,
        bot.now,
        ARRIVALS,
    )
    database.execute('INSERT INTO user_meme_reaction SELECT id, 1 FROM "user" WHERE id > 1000003 AND id % 10 > 0')
    bot.pass_time(minutes(2))
    database.execute("VACUUM (ANALYZE)")
    return bot


def plans_of_a_run(bot: Bot) -> list[dict[str, Any]]:
    """Every plan that a run executed, with what it really read, as auto_explain tells it."""
    notices: list[str] = []
    with psycopg.connect(bot.database.dsn, autocommit=True) as runner:
        runner.execute("LOAD 'auto_explain'")
        for name, value in [
            ("log_min_duration", "0"),
            ("log_analyze", "on"),
            ("log_buffers", "on"),
            ("log_verbose", "on"),
            ("log_format", "json"),
            ("log_nested_statements", "on"),
            ("log_level", "notice"),
        ]:
            runner.execute("SELECT set_config('auto_explain.' || %s, %s, false)", [name, value])
        runner.execute("SET client_min_messages = notice")
        runner.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
        runner.execute("CALL ghostwatch.run_checks()")
    found = (re.search(r"plan:\s*(\{.*\})", notice, re.S) for notice in notices)
    return [json.loads(plan.group(1)) for plan in found if plan]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan's node and all below it."""
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


def scans(plans: list[dict[str, Any]], table: str) -> list[dict[str, Any]]:
    """How a table was read."""
    return [
        node
        for plan in plans
        for node in nodes(plan["Plan"])
        if node.get("Relation Name") == table and "Scan" in node["Node Type"]
    ]


def rows_read(scan: dict[str, Any]) -> int:
    """How many rows a scan looked at."""
    return int(scan["Actual Loops"] * (scan["Actual Rows"] + scan.get("Rows Removed by Filter", 0)))


def test_arrivals_are_read_by_index(seeded_bot: Bot) -> None:
    """Subject, branch and related row, by index; no more than twice as many rows as came."""
    plans = plans_of_a_run(seeded_bot)
    for table in ("user", "user_tg", "user_meme_reaction"):
        used = scans(plans, table)
        assert used, table
        assert {scan["Node Type"] for scan in used} <= {"Index Scan", "Index Only Scan"}, table
        assert sum(rows_read(scan) for scan in used) <= 2 * ARRIVALS, table
    assert seeded_bot.counts() == (ARRIVALS, ARRIVALS // 10)


def test_what_is_read_again_is_not_judged_again(seeded_bot: Bot) -> None:
    """Between watermark and checked_up_to rows are read once more, but nothing is looked up for them."""
    seeded_bot.run()
    plans = plans_of_a_run(seeded_bot)
    assert sum(rows_read(scan) for scan in scans(plans, "user")) <= 2 * ARRIVALS
    assert sum(scan["Actual Loops"] for scan in scans(plans, "user_meme_reaction")) <= ARRIVALS // 10


def test_open_violations_are_looked_up_by_key(seeded_bot: Bot) -> None:
    """As many rows of the subjects as are open, and one look-up each of a related row."""
    seeded_bot.run_every_minute(minutes(5))
    open_violations = ARRIVALS // 10
    plans = plans_of_a_run(seeded_bot)
    for table, index in (("user", "user_pkey"), ("user_meme_reaction", "user_meme_reaction_pkey")):
        used = scans(plans, table)
        assert {scan["Node Type"] for scan in used} <= {"Index Scan", "Index Only Scan", "Bitmap Heap Scan"}, table
        assert any(index in json.dumps(plan) for plan in plans), index
        by_birth = [scan for scan in used if scan.get("Index Name") == "user_created_at"]
        assert sum(rows_read(scan) for scan in used) - sum(rows_read(scan) for scan in by_birth) <= open_violations


def test_an_escalation_writes_no_index(seeded_bot: Bot) -> None:
    """Half of all that happens to a violation; in a big incident the indexes would be most of its cost."""
    seeded_bot.run()
    seeded_bot.pass_time(minutes(4))
    with seeded_bot.database.connect().transaction() as check:
        check.connection.execute(
            "SELECT ghostwatch._check_invariant(i.invariant_id, true) FROM ghostwatch.invariant AS i"
        )
        written = check.connection.execute(
            """
            SELECT pg_stat_get_xact_tuples_updated(v.oid), pg_stat_get_xact_tuples_hot_updated(v.oid)
            FROM pg_class AS v WHERE v.oid = 'ghostwatch.violation'::regclass
            """
        ).fetchone()
    assert written == (ARRIVALS // 10, ARRIVALS // 10)


def test_an_idle_run_touches_a_handful_of_buffers(seeded_bot: Bot) -> None:
    """Nothing came and nothing is open: nothing is read."""
    seeded_bot.run_every_minute(minutes(30))
    seeded_bot.run()
    plans = plans_of_a_run(seeded_bot)
    assert sum(rows_read(scan) for table in ("user", "user_meme_reaction") for scan in scans(plans, table)) == 0
    used = scans(plans, "user")
    assert [scan.get("Index Name") for scan in used] == ["user_created_at"]
    assert sum(scan["Shared Hit Blocks"] + scan["Shared Read Blocks"] for scan in used) <= 5
