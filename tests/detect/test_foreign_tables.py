"""Tables that are spread over servers: what a check sends to them, and how much it reads there."""

from __future__ import annotations

import re
from itertools import pairwise

import psycopg
import pytest
from psycopg import sql

from tests.detect.bot import Bot, call, minutes
from tests.detect.shards import BOUNDS, declare
from tests.detect.test_plans import nodes, plans_of_a_run
from tests.support.database import Database

VIOLATIONS = 1_000


@pytest.fixture
def sharded_bot(hub: Bot, shards: Database) -> Bot:
    """The bot has many users, a thousand of them in violation."""
    for shard, (begin, end) in enumerate(pairwise(BOUNDS), start=1):
        shards.connection.execute(
            sql.SQL(
                """
                INSERT INTO {user} (id, created_at)
                SELECT g, {now}::timestamptz - CASE g % 100 WHEN 0 THEN interval '10 minutes' ELSE interval '1 day' END
                FROM generate_series({begin}, {end} - 1) AS g;
                INSERT INTO {reaction} SELECT u.id, 1 FROM {user} AS u WHERE u.id % 100 > 0;
                """
            ).format(
                user=sql.Identifier(f"user_{shard}"),
                reaction=sql.Identifier(f"reaction_{shard}"),
                now=str(hub.now),
                begin=begin,
                end=end,
            )
        )
    shards.execute("VACUUM (ANALYZE)")
    declare(hub)
    hub.run()
    return hub


def test_the_keys_of_open_violations_are_sent_as_one_array(sharded_bot: Bot, shards: Database) -> None:
    """Each shard of the users is asked once, and by index; no table is read as a whole."""
    assert len(sharded_bot.states()) == VIOLATIONS
    sharded_bot.pass_time(minutes(1))

    plans = plans_of_a_run(sharded_bot)

    sent = {node["Remote SQL"] for plan in plans for node in nodes(plan["Plan"]) if "Remote SQL" in node}
    assert len([text for text in sent if re.search(r"FROM public\.user_\d WHERE .*\bid = ANY \('\{", text)]) == 2
    for text in sent:
        plan = shards.rows(f"EXPLAIN {text.replace('$1::bigint', '1::bigint')}")
        assert "Seq Scan" not in str(plan), text
    assert set(sharded_bot.states().values()) == {"error"}

    sharded_bot.database.execute('INSERT INTO reaction SELECT id, 1 FROM "user" WHERE id % 100 = 0')
    sharded_bot.run()
    assert set(sharded_bot.states().values()) == {"recovered"}


def test_what_needs_triggers_is_refused(hub: Bot) -> None:
    """Foreign partitions take none that notes arrivals or enforces; nothing is left behind."""
    database = hub.database
    declare(hub)
    call(
        database.connection,
        "declare_invariant",
        {
            "contract": "onboarding",
            "name": "at_once",
            "related": "reaction",
            "related_key_column": "user_id",
            "error_after": "0",
        },
    )

    with pytest.raises(psycopg.Error, match="cannot be captured") as refused:
        database.execute("SELECT ghostwatch.declare_contract('onboarding', capture => true)")
    assert refused.value.sqlstate == "GW017"
    assert (refused.value.diag.message_detail or "").endswith("not public.user_1.")
    hint = refused.value.diag.message_hint or ""
    database.connection.execute(hint.encode())

    with pytest.raises(psycopg.Error, match=r"public\.user_1 is not a table of this server") as refused:
        database.execute("SELECT ghostwatch.enforce('onboarding', 'warn')")
    assert refused.value.sqlstate == "GW072"
    assert database.rows("SELECT tgname FROM pg_trigger WHERE tgrelid::regclass::text ~ 'user'") == []


def test_no_index_is_advised(hub: Bot) -> None:
    """An index of a foreign table stands on its own server."""
    declare(hub)

    assert hub.database.rows("SELECT advice FROM ghostwatch.doctor() WHERE advice ~ 'CREATE INDEX.*_[12]'") == []
