"""Tables that are spread over servers: what a check sends to them, and how much it reads there."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from psycopg import sql

from tests.detect.bot import Bot, minutes
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
