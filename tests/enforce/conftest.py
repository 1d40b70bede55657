"""A shop whose accounts must be greeted, owned by a role that is no superuser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql

from tests.support.database import Database


@dataclass
class Shop:
    """A schema with a contract: every account has a greeting and a locker in its own transaction."""

    database: Database
    owner: str
    warnings: list[str] = field(default_factory=list)

    def as_owner(self, statement: LiteralString, *values: Any) -> list[tuple[Any, ...]]:
        """Runs a statement as the contract's owner and returns its rows, if it has any."""
        cursor = self.database.connect(self.owner).execute(statement, values or None)
        return cursor.fetchall() if cursor.description else []

    def sign_up(self, key: int, *rows: LiteralString) -> str | None:
        """One transaction with an account and the rows named; returns the SQLSTATE if it is refused."""
        self.warnings.clear()
        with self.database.connect(autocommit=False) as session:
            session.add_notice_handler(lambda notice: self.warnings.append(str(notice.message_primary)))
            try:
                session.execute("INSERT INTO shop.account VALUES (%s)", [key])
                for table in rows:
                    session.execute(sql.SQL("INSERT INTO {} VALUES (%s)").format(sql.Identifier("shop", table)), [key])
                session.commit()
            except psycopg.Error as error:
                session.rollback()
                return error.sqlstate
        return None

    def findings(self, check_name: LiteralString, verdict: LiteralString) -> list[tuple[str, str]]:
        """What the doctor finds in one section, with the advice."""
        return self.database.rows(
            "SELECT finding, advice FROM ghostwatch.doctor() WHERE check_name = %s AND verdict = %s",
            check_name,
            verdict,
        )


@pytest.fixture
def shop(database: Database, make_role: Callable[[], str]) -> Shop:
    """The shop; nothing is enforced yet."""
    role = make_role()
    database.execute("SELECT ghostwatch.grant_operator(%s)", role)
    database.connection.execute(
        sql.SQL("CREATE SCHEMA shop AUTHORIZATION {0}; GRANT pg_read_all_stats TO {0}").format(sql.Identifier(role))
    )
    database.connect(role).execute(
        """
        CREATE TABLE shop.account (
            id bigint PRIMARY KEY, trial boolean NOT NULL DEFAULT false, created_at timestamptz NOT NULL DEFAULT now()
        );
        CREATE TABLE shop.greeting (account_id bigint NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
        CREATE TABLE shop.locker (account_id bigint NOT NULL);
        SELECT ghostwatch.declare_contract('welcome', 'shop.account', exempt_predicate => 's.trial');
        SELECT ghostwatch.declare_invariant('welcome', 'greeting', 'shop.greeting', 'account_id', error_after => '0');
        SELECT ghostwatch.declare_invariant('welcome', 'locker', 'shop.locker', 'account_id', error_after => '0');
        """
    )
    return Shop(database, role)
