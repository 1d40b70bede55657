"""The fixtures that ghostwatch brings to pytest."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any, Protocol

import psycopg
import pytest

FINDINGS = "SELECT satisfied OR NOT is_due AS holds, remark FROM ghostwatch._subject_findings(%s, %s)"


class Cursor(Protocol):
    """A cursor of any PostgreSQL driver that follows the DB-API."""

    def execute(self, operation: Any, parameters: Any, /) -> Any:
        """Runs a statement."""

    def fetchall(self) -> Sequence[Any]:
        """The rows of the last statement."""

    def close(self) -> None:
        """Ends the cursor."""


class Connection(Protocol):
    """A connection of any PostgreSQL driver that follows the DB-API, psycopg's among them."""

    def cursor(self) -> Cursor:
        """A new cursor."""


class AssertContract(Protocol):
    """What the fixture assert_contract is."""

    def __call__(self, contract: str, subject_key: object, *, connection: Connection | None = None) -> None:
        """Fails, naming the clauses, where a clause of the contract that is due does not hold for the subject."""


@pytest.fixture
def ghostwatch_dsn() -> str:
    """The database of the application under test: GHOSTWATCH_DSN, else libpq's PG* variables.

    Override this fixture where the tests make a database of their own.
    """
    return os.environ.get("GHOSTWATCH_DSN", "")


@pytest.fixture
def assert_contract(request: pytest.FixtureRequest) -> AssertContract:
    """Asserts that a subject, whatever code created it, has all that a contract asks for by now.

    It looks through a connection of its own, at what was committed. A test that never commits
    gives its own connection: assert_contract("onboarding", user_id, connection=connection).
    A missing row fails the test also where the subject is exempt, since then nothing was proved.
    """

    def check(contract: str, subject_key: object, *, connection: Connection | None = None) -> None:
        __tracebackhide__ = True
        if connection is None:
            with psycopg.connect(request.getfixturevalue("ghostwatch_dsn"), client_encoding="utf8") as own_connection:
                findings = _findings(own_connection.cursor, contract, subject_key)
        else:
            findings = _findings(connection.cursor, contract, subject_key)

        broken = [remark for holds, remark in findings if not holds]
        if not findings:
            broken = ["The contract has no clause, so nothing was proved."]
        if broken:
            lines = [f"contract {contract} does not hold for {subject_key}", *broken]
            pytest.fail("\n  ".join(lines), pytrace=False)

    return check


def _findings(cursor: Callable[[], Cursor], contract: str, subject_key: object) -> list[tuple[bool, str]]:
    with closing(cursor()) as opened:
        opened.execute(FINDINGS, (contract, str(subject_key)))
        rows = opened.fetchall()
    # Whose connection it is decides whether rows come as tuples or as dictionaries, which unpack to their keys.
    return [(row["holds"], row["remark"]) if isinstance(row, Mapping) else tuple(row) for row in rows]
