"""Clauses of other kinds than "a row is there", each with its sentence."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.detect.bot import Bot, call, minutes
from tests.support.database import Database


@pytest.fixture
def shop(database: Database) -> Bot:
    """A shop with one contract over its orders."""
    database.execute(
        """
        CREATE TABLE address (id bigint PRIMARY KEY, checked boolean NOT NULL DEFAULT false);
        CREATE TABLE "order" (
            id bigint PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT now(), address_id bigint, number text
        );
        CREATE INDEX ON "order" (created_at);
        CREATE TABLE receipt (order_id bigint NOT NULL, at timestamptz NOT NULL DEFAULT now());
        CREATE INDEX ON receipt (order_id);
        INSERT INTO address VALUES (7, true), (8, false);
        """
    )
    bot = Bot(database)
    database.set_clock(bot.now)
    call(database.connection, "declare_contract", {"name": "orders", "subject": '"order"', "subject_label": "orders"})
    return bot


def declare(shop: Bot, **arguments: Any) -> None:
    """The only invariant, over the receipts unless another table is given."""
    receipts = {} if "set_column" in arguments else {"related": "receipt", "related_key_column": "order_id"}
    common = {"contract": "orders", "name": "clause", "warn_after": minutes(1)}
    call(shop.database.connection, "declare_invariant", common | receipts | arguments)


def order(shop: Bot, key: int, **columns: Any) -> None:
    """An order comes, now."""
    shop.database.execute(
        'INSERT INTO "order" (id, created_at, address_id, number) VALUES (%s, %s, %s, %s)',
        key,
        shop.now,
        columns.get("address_id"),
        columns.get("number"),
    )


def receipts(shop: Bot, key: int, count: int) -> None:
    """That many receipts more."""
    shop.database.execute(
        "INSERT INTO receipt (order_id, at) SELECT %s, %s FROM generate_series(1, %s)", key, shop.now, count
    )


def explanations(shop: Bot) -> dict[str, str]:
    """What check_subject says of each order."""
    return dict(
        shop.database.rows(
            """
            SELECT o.id::text, c.explanation
            FROM "order" AS o
            CROSS JOIN ghostwatch.check_subject('orders', o.id) AS c
            """
        )
    )


def test_at_least(shop: Bot) -> None:
    """Fewer rows break it."""
    declare(shop, at_least=2, missing_label="receipts")
    for key in (0, 1, 2, 3):
        order(shop, key)
        receipts(shop, key, key)
    assert explanations(shop)["1"].startswith("It has 1 of 2 receipts; the contract demands otherwise by 2026-")
    shop.pass_time(minutes(2))
    shop.run()
    assert shop.states() == {"0": "warn", "1": "warn"}
    assert explanations(shop)["1"] == "Broken: has 1 of 2 receipts; it was due by 2026-01-15 12:01:00 UTC."
    assert explanations(shop)["3"] == "Fine: has 3 of 2 receipts."
    receipts(shop, 1, 1)
    shop.run()
    assert shop.states() == {"0": "warn", "1": "recovered"}


def test_exactly(shop: Bot) -> None:
    """One more breaks it as well, also later."""
    declare(shop, exactly=1, missing_label="receipts")
    for key in (0, 1, 2):
        order(shop, key)
        receipts(shop, key, key)
    shop.pass_time(minutes(2))
    shop.run()
    assert shop.states() == {"0": "warn", "2": "warn"}
    receipts(shop, 1, 1)
    shop.pass_time(minutes(4))
    shop.run()
    assert shop.states() == {"0": "error", "1": "error", "2": "error"}
    assert explanations(shop)["1"].startswith("Broken: has 2 receipts and must have 1;")
    assert shop.counts() == (3, 2)


@pytest.mark.both_kinds
@pytest.mark.parametrize("capture", [False, True])
def test_no_row(shop: Bot, capture: bool) -> None:
    """A row that must not be, judged for as long as the subject is watched."""
    call(shop.database.connection, "declare_contract", {"name": "orders", "capture": capture})
    declare(shop, no_row=True, missing_label="a complaint")
    order(shop, 1)
    order(shop, 2)
    receipts(shop, 2, 1)
    shop.pass_time(minutes(2))
    shop.run()
    assert shop.states() == {"2": "warn"}
    assert explanations(shop) == {
        "1": "Fine: does not have a complaint.",
        "2": "Broken: has a complaint that must not be; it was due by 2026-01-15 12:01:00 UTC.",
    }
    ((label, lack),) = shop.database.rows(
        """
        SELECT f ->> 'missing_label', f ->> 'lack'
        FROM ghostwatch.alert AS a
        CROSS JOIN ghostwatch._message_facts(a.alert_id) AS f
        """
    )
    assert (label, lack) == ("a complaint", "with a complaint that must not be")

    receipts(shop, 1, 1)
    shop.pass_time(minutes(1))
    shop.run()
    assert shop.states() == {"1": "warn", "2": "warn"}

    # It goes, and comes again.
    shop.database.execute("DELETE FROM receipt")
    shop.run()
    assert shop.states() == {"1": "recovered", "2": "recovered"}
    receipts(shop, 1, 1)
    shop.run()
    assert shop.states() == {"1": "warn", "2": "recovered"}

    # Past watch_for, nothing is judged any more.
    shop.pass_time(minutes(30))
    receipts(shop, 2, 1)
    shop.run()
    assert shop.states() == {"1": "expired", "2": "recovered"}


def test_a_column_of_the_same_row(shop: Bot) -> None:
    """The subject itself must have a value."""
    declare(shop, set_column="number", missing_label="a number")
    order(shop, 1)
    order(shop, 2, number="A-2")
    shop.pass_time(minutes(2))
    shop.run()
    assert shop.states() == {"1": "warn"}
    assert explanations(shop)["1"].startswith("Broken: does not have a number;")
    shop.database.execute("""UPDATE "order" SET number = 'A-1'""")
    shop.run()
    assert shop.states() == {"1": "recovered"}
    with pytest.raises(psycopg.Error) as refused:
        declare(shop, set_column="colour")
    assert refused.value.sqlstate == "GW003"


def test_the_subject_holds_the_foreign_key(shop: Bot) -> None:
    """The related row is named by a column of the subject."""
    declare(shop, related="address", related_key_column="id", subject_column="address_id", predicate="r.checked")
    for key, address in ((1, None), (2, 7), (3, 8)):
        order(shop, key, address_id=address)
    shop.pass_time(minutes(2))
    shop.run()
    assert shop.states() == {"1": "warn", "3": "warn"}


def test_clauses_of_every_kind_are_enforced(shop: Bot) -> None:
    """At COMMIT, each named by what is wrong."""
    due = {"contract": "orders", "error_after": "0", "related": "receipt", "related_key_column": "order_id"}
    call(
        shop.database.connection, "declare_invariant", due | {"name": "two", "at_least": 2, "missing_label": "receipts"}
    )
    call(
        shop.database.connection,
        "declare_invariant",
        due | {"name": "none", "no_row": True, "predicate": "r.at < '2000-01-01'", "missing_label": "an old receipt"},
    )
    call(
        shop.database.connection,
        "declare_invariant",
        {
            "contract": "orders",
            "error_after": "0",
            "name": "number",
            "set_column": "number",
            "missing_label": "a number",
        },
    )
    shop.database.execute("SELECT ghostwatch.enforce('orders', 'reject')")
    connection = shop.database.connect()
    with connection.transaction():
        connection.execute("INSERT INTO \"order\" (id, number) VALUES (1, 'A')")
        connection.execute("INSERT INTO receipt (order_id) VALUES (1), (1)")
    with (
        pytest.raises(
            psycopg.Error,
            match="cannot be committed without a number, without 2 receipts, with an old receipt that must not be",
        ),
        connection.transaction(),
    ):
        connection.execute('INSERT INTO "order" (id) VALUES (2)')
        connection.execute("INSERT INTO receipt VALUES (2, '1999-01-01')")


@pytest.mark.parametrize(
    "arguments",
    [{"at_least": 0}, {"exactly": 0}, {"at_least": 2, "exactly": 2}, {"no_row": True, "exactly": 1}],
)
def test_kinds_that_do_not_go_together(shop: Bot, arguments: dict[str, Any]) -> None:
    """GW015 says which."""
    with pytest.raises(psycopg.Error) as refused:
        declare(shop, **arguments)
    assert refused.value.sqlstate == "GW015"
    assert "exactly" in (refused.value.diag.message_detail or "")
