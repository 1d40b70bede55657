"""Tables that are spread over servers: what a check sends to them, and how much it reads there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

import pytest
from psycopg import sql

from tests.detect.bot import Bot, call, minutes
from tests.detect.test_plans import nodes, plans_of_a_run
from tests.support.database import Database

USERS = 100_000
VIOLATIONS = 1_000
BOUNDS = (0, USERS // 2, USERS)


@pytest.fixture
def shards(database: Database) -> Iterator[Database]:
    """Another database, reached over loopback, with two shards of the users and of their reactions."""
    if not database.rows("SELECT FROM pg_available_extensions WHERE name = 'postgres_fdw'"):
        pytest.skip("the server under test has no postgres_fdw")
    with Database.create(database.server, f"{database.name}_shards", "template1", "none") as made:
        # As for disks that seek at no cost.
        made.server.execute(f"ALTER DATABASE {made.name} SET random_page_cost = 1.1")
        for shard in (1, 2):
            made.connection.execute(
                sql.SQL(
                    """
                    CREATE TABLE {user} (id bigint PRIMARY KEY, created_at timestamptz NOT NULL);
                    CREATE INDEX ON {user} (created_at);
                    CREATE TABLE {reaction} (user_id bigint, meme_id bigint, PRIMARY KEY (user_id, meme_id));
                    """
                ).format(user=sql.Identifier(f"user_{shard}"), reaction=sql.Identifier(f"reaction_{shard}"))
            )
        yield made


@pytest.fixture
def sharded_bot(database: Database, shards: Database) -> Bot:
    """A bot whose users are foreign partitions, a thousand of them in violation."""
    host, port = (shards.connection.info.host, shards.connection.info.port)
    database.connection.execute(
        sql.SQL(
            """
            CREATE EXTENSION postgres_fdw;
            CREATE SERVER loopback FOREIGN DATA WRAPPER postgres_fdw
                OPTIONS (host {}, port {}, dbname {}, use_remote_estimate 'true');
            CREATE USER MAPPING FOR CURRENT_USER SERVER loopback OPTIONS (user {}, password_required 'false');
            CREATE TABLE "user" (id bigint, created_at timestamptz NOT NULL) PARTITION BY RANGE (id);
            CREATE TABLE reaction (user_id bigint, meme_id bigint) PARTITION BY RANGE (user_id);
            """
        ).format(
            sql.Literal(host),
            sql.Literal(str(port)),
            sql.Literal(shards.name),
            sql.Literal(shards.connection.info.user),
        )
    )
    for shard, (begin, end) in enumerate(pairwise(BOUNDS), start=1):
        for table in ("user", "reaction"):
            name = sql.Identifier(f"{table}_{shard}")
            database.connection.execute(
                sql.SQL("CREATE FOREIGN TABLE {} PARTITION OF {} FOR VALUES FROM ({}) TO ({}) SERVER loopback").format(
                    name, sql.Identifier(table), begin, end
                )
            )
    bot = Bot(database)
    database.set_clock(bot.now)
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
                now=str(bot.now),
                begin=begin,
                end=end,
            )
        )
    shards.execute("VACUUM (ANALYZE)")
    call(
        database.connection,
        "declare_contract",
        {"name": "onboarding", "subject": '"user"', "unique_key": True},
    )
    call(
        database.connection,
        "declare_invariant",
        {"contract": "onboarding", "name": "first_meme", "related": "reaction", "related_key_column": "user_id"},
    )
    bot.run()
    return bot


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
