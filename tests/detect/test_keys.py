"""Keys: of several columns, not unique, and NULL."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.detect.bot import NOON, Bot, call, minutes
from tests.support.database import Database


@pytest.fixture
def shop(database: Database) -> Bot:
    """A shop of many tenants, each of whom numbers its members from one."""
    database.execute(
        """
        CREATE TABLE member (
            tenant text NOT NULL,
            id bigint NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (tenant, id)
        );
        CREATE INDEX ON member (created_at);
        CREATE TABLE welcome (tenant text NOT NULL, member_id text NOT NULL, PRIMARY KEY (tenant, member_id));
        """
    )
    bot = Bot(database)
    database.set_clock(bot.now)
    return bot


def declare(shop: Bot, **changes: Any) -> None:
    """A contract over both columns; changes are arguments of declare_contract or, of its invariant, those with due."""
    contract = {"name": "members", "subject": "member", "key_column": "{tenant,id}"}
    invariant = {
        "contract": "members",
        "name": "welcome",
        "related": "welcome",
        "related_key_column": "{tenant,member_id}",
        "warn_after": minutes(1),
    }
    due = {"error_after": changes.pop("error_after")} if "error_after" in changes else {}
    call(shop.database.connection, "declare_contract", contract | changes)
    call(shop.database.connection, "declare_invariant", (invariant | due | ({"warn_after": None} if due else {})))


def join_shop(shop: Bot, tenant: str, key: int) -> None:
    """A member joins a tenant."""
    shop.database.execute("INSERT INTO member (tenant, id, created_at) VALUES (%s, %s, %s)", tenant, key, shop.now)


def welcome(shop: Bot, tenant: str, key: int) -> None:
    """It gets its row."""
    shop.database.execute("INSERT INTO welcome VALUES (%s, %s)", tenant, key)


@pytest.mark.both_kinds
@pytest.mark.parametrize("capture", [False, True])
def test_a_key_of_two_columns(shop: Bot, capture: bool) -> None:
    """Who has one column in common with another is judged by itself."""
    declare(shop, capture=capture)
    for tenant in ("a,b", 'c "d"'):
        for key in (1, 2):
            join_shop(shop, tenant, key)
    welcome(shop, "a,b", 1)
    welcome(shop, 'c "d"', 2)
    shop.pass_time(minutes(2))
    shop.run()
    assert set(shop.states()) == {'{"a,b",2}', '{"c \\"d\\"",1}'}
    assert shop.database.value("SELECT total FROM ghostwatch.ghost_summary('members', 'welcome')") == 2
    assert shop.database.rows(
        "SELECT k, c.state FROM unnest(%s::text[]) AS k CROSS JOIN ghostwatch.check_subject('members', k) AS c",
        ['{"a,b",1}', '{"a,b",2}'],
    ) == [('{"a,b",1}', "holds"), ('{"a,b",2}', "broken")]

    welcome(shop, "a,b", 2)
    shop.run()
    assert shop.states() == {'{"a,b",2}': "recovered", '{"c \\"d\\"",1}': "warn"}


@pytest.mark.both_kinds
def test_a_key_of_two_columns_is_enforced(shop: Bot) -> None:
    """At COMMIT too, and also when one column changes."""
    declare(shop, error_after="0")
    shop.database.execute("SELECT ghostwatch.enforce('members', 'reject')")
    connection = shop.database.connect()
    with connection.transaction():
        connection.execute("INSERT INTO member VALUES ('a', 1)")
        connection.execute("INSERT INTO welcome VALUES ('a', '1')")
    for statement in ("INSERT INTO member VALUES ('b', 1)", "UPDATE member SET tenant = 'b'"):
        with pytest.raises(psycopg.Error, match=r"member \{b,1\} cannot be committed without welcome"):
            connection.execute(statement)


def test_a_key_that_is_not_known_to_be_unique_is_refused(shop: Bot) -> None:
    """Otherwise one subject would hide what another lacks; whoever knows better says so, and the doctor looks."""
    with pytest.raises(psycopg.Error, match=r"the key id of public\.member is not known to be unique") as refused:
        call(shop.database.connection, "declare_contract", {"name": "members", "subject": "member", "key_column": "id"})
    assert refused.value.sqlstate == "GW019"

    call(
        shop.database.connection,
        "declare_contract",
        {"name": "members", "subject": "member", "key_column": "id", "unique_key": True},
    )
    finding = "SELECT verdict, finding FROM ghostwatch.doctor() WHERE check_name = 'keys'"
    join_shop(shop, "a", 1)
    assert shop.database.rows(finding) == [
        ("ok", "No key is seen twice among the rows that were examined, and none is missing.")
    ]
    join_shop(shop, "b", 1)
    ((verdict, text),) = shop.database.rows(finding)
    assert verdict == "error"
    assert text.startswith(
        "The key id of public.member is not unique: 2 of the newest 2 rows share it with another row."
    )


@pytest.mark.parametrize("birth", [{"born_at_column": "at"}, {"born_at_expression": "s.at"}])
def test_a_key_is_examined_where_no_index_leads_to_the_newest_rows(shop: Bot, birth: dict[str, str]) -> None:
    """Any rows show it then; a contract that cannot be examined is named, and costs the others nothing."""
    shop.database.execute(
        """
        CREATE TABLE parcel (id bigint, at timestamptz DEFAULT now());
        CREATE VIEW box AS SELECT id, at FROM parcel;
        """
    )
    contract = {"key_column": "id", "unique_key": True, **birth}
    call(shop.database.connection, "declare_contract", {"name": "parcels", "subject": "parcel", **contract})
    call(shop.database.connection, "declare_contract", {"name": "boxes", "subject": "box", **contract})
    findings = "SELECT verdict, finding FROM ghostwatch.doctor() WHERE check_name = 'keys'"
    view = ("warning", "The keys of public.box were not examined: it is no table of this database.")
    assert shop.database.rows(findings) == [view]

    shop.database.execute("INSERT INTO parcel VALUES (1), (1), (2)")
    assert shop.database.rows(findings) == [
        (
            "error",
            "The key id of public.parcel is not unique: 2 of 3 rows share it with another row. "
            "One row hides what another lacks.",
        ),
        view,
    ]
    locker = shop.database.connect(autocommit=False)
    locker.execute("LOCK TABLE parcel")
    (_, (_, finding)) = shop.database.rows(findings)
    assert finding == "The keys of public.parcel were not examined: canceling statement due to lock timeout."


@pytest.mark.parametrize("capture", [False, True])
def test_a_row_without_a_key_is_reported_and_stops_no_check(bot: Bot, capture: bool) -> None:
    """It cannot be judged; the others are."""
    bot.database.execute(
        """
        CREATE TABLE person (id bigint UNIQUE, created_at timestamptz NOT NULL);
        CREATE INDEX ON person (created_at);
        """
    )
    bot.declare(subject="person", branch_expression=None, exempt_predicate=None, exempt_branches=[], capture=capture)
    bot.database.execute("INSERT INTO person VALUES (NULL, %s), (1, %s)", NOON, NOON)
    bot.pass_time(minutes(2))
    bot.run()
    assert bot.states() == {"1": "warn"}
    assert bot.progress("last_error") is None
    ((verdict, text),) = bot.database.rows("SELECT verdict, finding FROM ghostwatch.doctor() WHERE check_name = 'keys'")
    assert (verdict, text) == (
        "warning",
        "1 of the newest 2 rows of public.person have no key: NULL in id. They are not judged.",
    )


@pytest.mark.parametrize("columns", ["", "{", "{}", "{tenant,}", "{tenant,id", "no such", "{tenant,no}", '{"tenant'])
def test_a_key_that_names_no_columns(shop: Bot, columns: str) -> None:
    """The error names the column that is not there, whatever the text."""
    with pytest.raises(psycopg.Error, match="does not exist") as refused:
        call(shop.database.connection, "declare_contract", {"name": "m", "subject": "member", "key_column": columns})
    assert refused.value.sqlstate == "GW003"


def test_keys_of_different_lengths_cannot_be_compared(shop: Bot) -> None:
    """GW009, for an invariant as for another key of its contract."""
    with pytest.raises(psycopg.Error) as refused:
        declare(shop)
        call(
            shop.database.connection,
            "declare_invariant",
            {"contract": "members", "name": "w", "related": "welcome", "related_key_column": "member_id"},
        )
    assert refused.value.sqlstate == "GW009"
    with pytest.raises(psycopg.Error) as refused:
        declare(shop, key_column="id", unique_key=True)
    assert refused.value.sqlstate == "GW009"
