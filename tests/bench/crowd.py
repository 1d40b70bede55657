"""A bot with a past: users and reactions in any number, and newcomers by the minute.

Everything is as in a bot that has run for two years: users came in the order of their birth, with ids that are
not in that order, birth times are timestamps without time zone in UTC, and reactions fell on anybody.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import psycopg

from scripts.build import build
from tests.support.cluster import Cluster

MINUTE = timedelta(minutes=1)
START = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
GHOST_PERCENT = 9

# What the job would ask that ghostwatch replaces: everybody of the last 25 minutes, every minute.
PEER: LiteralString = """
    SELECT
        count(*) FILTER (WHERE u.created_at >= %(now)s - interval '5 minutes') AS warn_count,
        count(*) FILTER (WHERE u.created_at < %(now)s - interval '5 minutes') AS error_count,
        array_agg(u.id ORDER BY u.created_at DESC) AS ids
    FROM "user" AS u
    LEFT JOIN user_tg AS t ON t.id = u.id
    WHERE u.created_at >= %(now)s - interval '25 minutes'
        AND u.created_at <= %(now)s - interval '1 minute'
        AND u.type NOT IN ('blocked_bot', 'banned', 'waitlist')
        AND u.blocked_bot_at IS NULL
        AND (t.deep_link IS NULL OR (t.deep_link <> 'likefollowbot' AND t.deep_link NOT LIKE 'tapps%%'))
        AND NOT EXISTS (SELECT FROM user_meme_reaction AS r WHERE r.user_id = u.id)
"""


@dataclass(frozen=True)
class Cost:
    """What one statement cost."""

    milliseconds: float
    buffers: int


@dataclass
class Crowd:
    """A database full of users, its clock, and a connection to it."""

    connection: psycopg.Connection[Any]
    database: str
    now: datetime = START
    newest: int = 0

    def execute(self, statement: LiteralString, **values: Any) -> None:
        """Runs a statement."""
        self.connection.execute(statement, values or None)

    def value(self, query: LiteralString, **values: Any) -> Any:
        """The only column of the only row."""
        row = self.connection.execute(query, values or None).fetchone()
        return row[0] if row else None

    def fill(self, users: int, reactions: int) -> None:
        """Makes the past: all born before the last hour, and served."""
        self.execute("SELECT ghostwatch.enable_test_clock() WHERE NOT ghostwatch._test_clock_is_enabled()")
        self.set_clock(self.now)
        self.execute(
            """
            CREATE TABLE "user" (id bigint NOT NULL, type text NOT NULL, created_at timestamp NOT NULL DEFAULT now(),
                last_active_at timestamp, blocked_bot_at timestamp);
            CREATE TABLE user_tg (id bigint NOT NULL, username text, first_name text NOT NULL, deep_link text);
            CREATE TABLE user_meme_reaction (user_id bigint NOT NULL, meme_id bigint NOT NULL, recommended_by text,
                sent_at timestamp NOT NULL, reaction_id integer, reacted_at timestamp);
            CREATE FUNCTION user_id(number bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
            RETURN number * 2654435761 % 7000000000;
            """
        )
        self.execute(
            """
            INSERT INTO "user" (id, type, created_at, last_active_at)
            SELECT user_id(n), 'user', born.at, born.at
            FROM generate_series(1, %(users)s) AS n
            CROSS JOIN LATERAL (
                SELECT %(end)s::timestamp - interval '2 years' * (1 - n::double precision / %(users)s) AS at
            ) AS born
            """,
            users=users,
            end=_naive(self.now - timedelta(hours=1)),
        )
        self.execute(
            """
            INSERT INTO user_tg (id, username, first_name, deep_link)
            SELECT user_id(n), 'user' || n, 'Name', CASE WHEN n %% 3 > 0 THEN 's_' || n %% 1000 || '_' || n END
            FROM generate_series(1, %(users)s) AS n
            """,
            users=users,
        )
        self.execute(
            """
            INSERT INTO user_meme_reaction (user_id, meme_id, recommended_by, sent_at, reaction_id)
            SELECT user_id(CASE WHEN n <= %(users)s THEN n ELSE 1 + hashint8(n)::bigint %% %(users)s END), n, 'engine',
                %(end)s::timestamp - interval '2 years' * (1 - n::double precision / %(reactions)s), 1 + n %% 2
            FROM generate_series(1, %(reactions)s) AS n
            """,
            users=users,
            reactions=reactions,
            end=_naive(self.now - timedelta(hours=1)),
        )
        self.execute('ALTER TABLE "user" ADD PRIMARY KEY (id)')
        self.execute('CREATE INDEX user_created_at ON "user" (created_at)')
        self.execute("ALTER TABLE user_tg ADD PRIMARY KEY (id)")
        self.execute("ALTER TABLE user_meme_reaction ADD PRIMARY KEY (user_id, meme_id)")
        for table in ('"user"', "user_tg", "user_meme_reaction"):
            self.connection.execute(f"VACUUM (ANALYZE) {table}".encode())
        self.newest = users

    def declare(self, *, capture: bool = False) -> None:
        """Declares the contract that everybody gets a first meme."""
        self.execute(
            """
            SELECT ghostwatch.declare_contract(
                'onboarding', '"user"', time_zone => 'UTC',
                branch_expression => '(SELECT t.deep_link FROM user_tg AS t WHERE t.id = s.id)',
                exempt_predicate =>
                    's.type IN (''blocked_bot'', ''banned'', ''waitlist'') OR s.blocked_bot_at IS NOT NULL',
                exempt_branches => '{likefollowbot,tapps%%}', capture => %(capture)s);
            """,
            capture=capture,
        )
        self.execute(
            """
            SELECT ghostwatch.declare_invariant('onboarding', 'first_meme', 'user_meme_reaction', 'user_id',
                warn_after => '1 minute', error_after => '5 minutes', watch_for => '25 minutes')
            """
        )
        self.execute(r"SELECT ghostwatch.declare_branch_family('onboarding', 's\_%', 's_*')")

    def pass_time(self, length: timedelta, signups: int) -> None:
        """Time goes by, and so many sign up meanwhile, evenly; 9 in 100 of them get no meme."""
        if signups:
            self.execute(
                """
                WITH newcomer AS (
                    INSERT INTO "user" (id, type, created_at)
                    SELECT user_id(%(newest)s + n), 'user',
                        %(now)s::timestamp + %(length)s * (n::double precision / %(signups)s)
                    FROM generate_series(1, %(signups)s) AS n
                ),
                their_link AS (
                    INSERT INTO user_tg (id, username, first_name, deep_link)
                    SELECT user_id(%(newest)s + n), 'user' || n, 'Name', CASE WHEN n %% 3 > 0 THEN 's_1_' || n END
                    FROM generate_series(1, %(signups)s) AS n
                )
                INSERT INTO user_meme_reaction (user_id, meme_id, recommended_by, sent_at)
                SELECT user_id(%(newest)s + n), m, 'engine', %(now)s::timestamp
                FROM generate_series(1, %(signups)s) AS n
                CROSS JOIN generate_series(1, 4) AS m
                WHERE n %% 100 >= %(ghost_percent)s
                """,
                newest=self.newest,
                now=_naive(self.now),
                length=length,
                signups=signups,
                ghost_percent=GHOST_PERCENT,
            )
        self.newest += signups
        self.set_clock(self.now + length)

    def set_clock(self, now: datetime) -> None:
        """The time at which the next runs take place."""
        self.now = now
        self.execute("SELECT set_config('ghostwatch.clock', %(now)s, false)", now=str(now))

    def run(self) -> Cost:
        """One check run, and what it cost."""
        return self._measure("CALL ghostwatch.run_checks()")

    def ask_peer(self) -> Cost:
        """The window query, and what it cost."""
        return self._measure(PEER, now=_naive(self.now))

    def _measure(self, statement: LiteralString, **values: Any) -> Cost:
        """Time as the client sees it; buffers as the server counts them, all that lies in between included."""
        self.execute("SELECT pg_stat_statements_reset()")
        begun = time.perf_counter()
        self.execute(statement, **values)
        milliseconds = (time.perf_counter() - begun) * 1000
        buffers = self.value(
            """
            SELECT sum(shared_blks_hit + shared_blks_read)::bigint FROM pg_stat_statements
            WHERE toplevel AND query NOT LIKE '%pg_stat_statements%'
            """
        )
        return Cost(milliseconds, buffers)


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def sizes() -> tuple[int, int]:
    """How many users and reactions to make: USERS and REACTIONS of the environment."""
    return int(os.environ.get("USERS", "100000")), int(os.environ.get("REACTIONS", "440000"))


@contextmanager
def crowded_server() -> Iterator[Cluster]:
    """A throw-away server that counts buffers by statement."""
    build()
    settings = {
        "shared_preload_libraries": "pg_stat_statements",
        "shared_buffers": "1GB",
        "maintenance_work_mem": "512MB",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "max_wal_size": "8GB",
        "autovacuum": "off",
    }
    with Cluster(settings=settings) as cluster:
        yield cluster


@contextmanager
def crowd(
    cluster: Cluster, database: str, users: int, reactions: int, *, count_buffers: bool = True
) -> Iterator[Crowd]:
    """A database with so many users and reactions, ghostwatch installed."""
    cluster.create_database(database)
    with cluster.connect(database) as connection:
        # pg_stat_statements of PostgreSQL 15 loses sight of a CALL that is prepared.
        connection.prepare_threshold = None
        made = Crowd(connection, database)
        if count_buffers:
            made.execute("CREATE EXTENSION pg_stat_statements")
        made.execute("CREATE EXTENSION ghostwatch")
        made.fill(users, reactions)
        yield made
    cluster.drop_database(database)
