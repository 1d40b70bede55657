"""A small bot: the tables of its users, what it does to them, and what the checks found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from tests.support.database import Database

NOON = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
WARN_AFTER = timedelta(minutes=1)
ERROR_AFTER = timedelta(minutes=5)
WATCH_FOR = timedelta(minutes=25)
MILLISECOND = timedelta(milliseconds=1)

EXEMPT_TYPES = ("blocked_bot", "banned", "waitlist")


def minutes(count: float) -> timedelta:
    """That many minutes."""
    return timedelta(minutes=count)


@dataclass
class Bot:
    """A database with the tables of a bot and the contract that every user gets a first meme."""

    database: Database
    now: datetime = NOON

    @classmethod
    def create(cls, database: Database) -> Bot:
        """Makes the tables and stops the clock; declare() is left to the test."""
        database.execute(
            """
            CREATE TABLE "user" (
                id bigint PRIMARY KEY,
                type text NOT NULL DEFAULT 'user',
                blocked_bot_at timestamptz,
                created_at timestamptz NOT NULL DEFAULT now()
            );
            CREATE INDEX user_created_at ON "user" (created_at);
            CREATE TABLE user_tg (id bigint PRIMARY KEY, deep_link text);
            CREATE TABLE user_meme_reaction (
                user_id bigint NOT NULL,
                meme_id bigint NOT NULL,
                reacted_at timestamptz NOT NULL DEFAULT now(),
                PRIMARY KEY (user_id, meme_id)
            );
            """
        )
        bot = cls(database)
        database.set_clock(bot.now)
        return bot

    def declare(self, **changes: Any) -> None:
        """Declares the contract; changes are arguments of declare_contract or declare_invariant."""
        self.declare_contract(**{name: value for name, value in changes.items() if name in CONTRACT_ARGUMENTS})
        self.declare_invariant(**{name: value for name, value in changes.items() if name not in CONTRACT_ARGUMENTS})

    def declare_contract(self, **changes: Any) -> None:
        """Declares the contract 'onboarding'."""
        call(self.database.connection, "declare_contract", CONTRACT | changes)

    def declare_invariant(self, **changes: Any) -> None:
        """Declares the invariant 'first_meme'."""
        call(self.database.connection, "declare_invariant", INVARIANT | changes)

    def sign_up(
        self, key: int, age: timedelta = timedelta(0), *, branch: str | None = None, type: str = "user"
    ) -> None:
        """A user signed up that long before the clock's moment."""
        self.database.execute(
            'INSERT INTO "user" (id, type, created_at) VALUES (%s, %s, %s)', key, type, self.now - age
        )
        self.database.execute("INSERT INTO user_tg (id, deep_link) VALUES (%s, %s)", key, branch)

    def get_meme(self, key: int) -> None:
        """The user gets a meme, the row that the contract demands."""
        self.database.execute("INSERT INTO user_meme_reaction (user_id, meme_id) VALUES (%s, 1)", key)

    def lose_meme(self, key: int) -> None:
        """The user's memes are deleted again."""
        self.database.execute("DELETE FROM user_meme_reaction WHERE user_id = %s", key)

    def set_type(self, key: int, type: str) -> None:
        """The user becomes exempt, or no longer is."""
        self.database.execute('UPDATE "user" SET type = %s WHERE id = %s', type, key)

    def delete(self, key: int) -> None:
        """The user is deleted, with all that belongs to it."""
        self.database.execute('DELETE FROM "user" WHERE id = %s', key)
        self.database.execute("DELETE FROM user_tg WHERE id = %s", key)
        self.lose_meme(key)

    def pass_time(self, length: timedelta) -> None:
        """Time goes by."""
        self.now += length
        self.database.set_clock(self.now)

    def run(self) -> None:
        """One check run."""
        self.database.execute("CALL ghostwatch.run_checks()")

    def run_every_minute(self, length: timedelta) -> None:
        """Time goes by, with a check run every minute."""
        for _ in range(round(length / minutes(1))):
            self.pass_time(minutes(1))
            self.run()

    def states(self) -> dict[str, str]:
        """The state of every violation there is, by key."""
        return dict(self.database.rows("SELECT subject_key, state FROM ghostwatch.violation ORDER BY 1"))

    def close_reasons(self) -> dict[str, str]:
        """Why each closed violation was closed, by key."""
        return dict(
            self.database.rows(
                "SELECT subject_key, close_reason FROM ghostwatch.violation WHERE close_reason IS NOT NULL"
            )
        )

    def counts(self) -> tuple[int, int]:
        """How many subjects reached their deadline, and how many of them in violation."""
        ((due, violations),) = self.database.rows(
            "SELECT coalesce(sum(due), 0)::integer, coalesce(sum(violations), 0)::integer FROM ghostwatch.branch_minute"
        )
        return due, violations

    def progress(self, column: LiteralString) -> Any:
        """One column of the only invariant's progress."""
        return self.database.value("SELECT " + column + " FROM ghostwatch.check_progress")

    def summary(self) -> tuple[Any, ...]:
        """What ghost_summary says: warn, error, total, sample keys, branches."""
        (row,) = self.database.rows("SELECT * FROM ghostwatch.ghost_summary('onboarding', 'first_meme')")
        return row


CONTRACT: dict[str, Any] = {
    "name": "onboarding",
    "subject": '"user"',
    "branch_expression": "(SELECT t.deep_link FROM user_tg AS t WHERE t.id = s.id)",
    "exempt_predicate": "s.type IN ('blocked_bot', 'banned', 'waitlist') OR s.blocked_bot_at IS NOT NULL",
    "exempt_branches": ["likefollowbot", "tapps%"],
    "subject_label": "new users",
}
CONTRACT_ARGUMENTS = {*CONTRACT, "key_column", "unique_key", "born_at_column", "time_zone", "lateness", "capture"}
INVARIANT: dict[str, Any] = {
    "contract": "onboarding",
    "name": "first_meme",
    "related": "user_meme_reaction",
    "related_key_column": "user_id",
    "warn_after": WARN_AFTER,
    "error_after": ERROR_AFTER,
    "watch_for": WATCH_FOR,
    "missing_label": "a first meme",
    "rule": "threshold",
}


def call(connection: psycopg.Connection[Any], function: LiteralString, arguments: dict[str, Any]) -> None:
    """Calls a function of ghostwatch by named arguments; those that are None are set to their defaults."""
    given = {name: value for name, value in arguments.items() if value is not None}
    given["reset"] = [name for name, value in arguments.items() if value is None]
    named = sql.SQL(", ").join(
        sql.SQL("{} => {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in given
    )
    connection.execute(sql.SQL("SELECT {}({})").format(sql.Identifier("ghostwatch", function), named), given)
