"""The bot that the tests of detection watch."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from psycopg import sql

from tests.detect.bot import Bot
from tests.detect.shards import BOUNDS
from tests.support.database import Database


@pytest.fixture
def bot(database: Database) -> Bot:
    """The tables of a bot at noon, its contract declared."""
    bot = Bot.create(database)
    bot.declare()
    return bot


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
def hub(database: Database, shards: Database) -> Bot:
    """A bot whose users and reactions are foreign partitions, without any yet."""
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
    return bot
