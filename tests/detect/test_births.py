"""A birth that no column holds: an expression over the row, or the moment from which its deadline counts."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.detect.bot import Bot, call, minutes
from tests.support.database import Database


@pytest.fixture
def shop(database: Database) -> Bot:
    """A shop whose orders are born when they are confirmed, and due when they say."""
    database.execute(
        """
        CREATE SCHEMA shop;
        CREATE FUNCTION shop.known(timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE RETURN $1;
        CREATE TABLE shop."order" (
            id bigint PRIMARY KEY, placed_at timestamptz, confirmed_at timestamptz, due_at timestamp
        );
        CREATE INDEX ON shop."order" ((shop.known(coalesce(confirmed_at, placed_at))));
        CREATE TABLE shop.delivery (order_id bigint PRIMARY KEY, at timestamptz NOT NULL);
        SET search_path = shop, public;
        """
    )
    bot = Bot(database)
    database.set_clock(bot.now)
    return bot


def declare(shop: Bot, birth: str, **invariant: Any) -> None:
    """The contract with this birth, and its only invariant."""
    call(
        shop.database.connection,
        "declare_contract",
        {"name": "orders", "subject": "shop.order", "born_at_expression": birth, "time_zone": "Europe/Berlin"},
    )
    call(
        shop.database.connection,
        "declare_invariant",
        {"contract": "orders", "name": "delivery", "related": "shop.delivery", "related_key_column": "order_id"}
        | {"related_at_column": "at"}
        | invariant,
    )


@pytest.mark.both_kinds
def test_a_birth_by_expression(shop: Bot) -> None:
    """The comment at its end hides nothing, and its names are those of the declaring session."""
    declare(shop, "known(coalesce(s.confirmed_at, s.placed_at)) -- the later one", warn_after=minutes(1))
    shop.database.execute("SET search_path = public")
    shop.database.execute(
        """
        INSERT INTO shop."order" (id, placed_at, confirmed_at)
        VALUES (1, %s, NULL), (2, %s, %s), (3, NULL, NULL)
        """,
        shop.now,
        shop.now,
        shop.now + minutes(3),
    )
    shop.pass_time(minutes(2))
    shop.run()
    assert shop.database.value("SELECT last_error FROM ghostwatch.check_progress") is None
    assert shop.states() == {"1": "warn"}
    shop.pass_time(minutes(2))
    shop.run()
    shop.run()
    assert shop.states() == {"1": "warn", "2": "warn"}
    assert shop.database.value("SELECT total FROM ghostwatch.ghost_summary('orders', 'delivery')") == 2
    assert shop.database.rows("SELECT verdict FROM ghostwatch.doctor() WHERE check_name IN ('clocks', 'missed')") == [
        ("ok",),
        ("ok",),
    ]
    shop.database.execute("SELECT * FROM ghostwatch.backtest('orders', 'delivery')")


def test_a_deadline_taken_from_the_row(shop: Bot) -> None:
    """Each row says when it is due; an error_after counts from then."""
    declare(shop, "s.due_at", warn_after="0", error_after="10 minutes")
    shop.database.execute(
        """INSERT INTO shop."order" (id, due_at) VALUES (1, %s::timestamptz AT TIME ZONE 'Europe/Berlin'),
        (2, %s::timestamptz AT TIME ZONE 'Europe/Berlin')""",
        shop.now + minutes(5),
        shop.now + minutes(60),
    )
    shop.run_every_minute(minutes(4))
    assert shop.states() == {}
    shop.run_every_minute(minutes(2))
    assert shop.states() == {"1": "warn"}
    shop.run_every_minute(minutes(10))
    assert shop.states() == {"1": "error"}
    shop.run_every_minute(minutes(45))
    assert shop.states() == {"1": "expired", "2": "warn"}


def test_the_doctor_knows_the_index_on_an_expression(shop: Bot) -> None:
    """As the planner does; without it, it says so, and that nobody looked for who was missed."""
    sections = """
        SELECT check_name, verdict, finding FROM ghostwatch.doctor()
        WHERE check_name IN ('indexes', 'missed') ORDER BY 1, finding
    """
    declare(shop, "shop.known(coalesce(s.confirmed_at, s.placed_at))")
    assert shop.database.rows(sections) == [
        ("indexes", "ok", "Every check finds its rows by index."),
        ("missed", "ok", "No subject was missed lately."),
    ]
    declare(shop, "s.due_at")
    shop.run()
    ((_, index, no_index), (_, missed, not_examined)) = shop.database.rows(sections)
    assert (index, no_index) == ("warning", 'shop."order" has no index on s.due_at. Every check reads all of it.')
    assert (missed, not_examined) == (
        "warning",
        "Whether the checks of orders.delivery miss subjects was not examined: "
        'no index leads to the births in shop."order".',
    )


@pytest.mark.parametrize(
    ("birth", "state"), [("s.id", "GW010"), ("s.no_such", "GW005"), ("s.due_at +", "GW004"), ("count(*)", "GW004")]
)
def test_what_is_no_birth(shop: Bot, birth: str, state: str) -> None:
    """It is checked when it is declared."""
    with pytest.raises(psycopg.Error) as refused:
        declare(shop, birth)
    assert refused.value.sqlstate == state


def test_a_table_without_a_time_of_birth(shop: Bot) -> None:
    """Under capture the arrival is the birth, so the row need not carry any."""
    call(
        shop.database.connection,
        "declare_contract",
        {"name": "orders", "subject": "shop.order", "born_at_expression": "NULL::timestamptz", "capture": True},
    )
    call(
        shop.database.connection,
        "declare_invariant",
        {"contract": "orders", "name": "delivery", "related": "shop.delivery", "related_key_column": "order_id"},
    )
    shop.database.execute('INSERT INTO shop."order" (id) VALUES (1), (2)')
    shop.database.execute("INSERT INTO shop.delivery VALUES (2, %s)", shop.now)
    shop.run_every_minute(minutes(6))
    assert shop.states() == {"1": "error"}
    assert shop.database.rows("SELECT state, due_at FROM ghostwatch.check_subject('orders', 1)") == [
        ("broken", shop.now - minutes(1))
    ]
    shop.run_every_minute(minutes(25))
    assert shop.states() == {"1": "expired"}
    assert shop.database.rows("SELECT verdict FROM ghostwatch.doctor() WHERE check_name IN ('clocks', 'keys')") == [
        ("ok",),
        ("ok",),
    ]
