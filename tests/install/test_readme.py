"""What the README says to type works as it stands there, in its own order."""

from __future__ import annotations

import re
from typing import Any

import psycopg
import pytest

from ghostwatch.testing import assert_contract
from ghostwatch.testing.onboarding import BRANCHES
from scripts.build import ROOT
from tests.support.documents import examples
from tests.support.own_server import own_server

TABLES = ROOT / "tests" / "onboarding" / "existing_bot.psql"


def sign_up(connection: psycopg.Connection[Any], first_key: int) -> None:
    """A new user by every branch, of whom the contract holds."""
    for key, deep_link in enumerate(BRANCHES.values(), first_key):
        connection.execute("SELECT onboarding.start(%s, 'Anna', deep_link => %s)", [key, deep_link])
        assert_contract("onboarding", key, connection=connection, leave_out=["first_meme"])


@pytest.mark.pg_cron
def test_statements_of_the_readme() -> None:
    """A contract by hand, the second extension, its contract: every signup passes, refusing incomplete ones too."""
    by_hand, adopted = examples("README.md", "sql")["Put it on an existing database"]
    with own_server(cron_database="bot") as server:
        server.create_database("bot")
        with server.connect("bot") as connection:
            connection.execute("CREATE EXTENSION pg_cron")
            connection.execute(TABLES.read_bytes())
            for statement in re.findall(r"[^;]+;(?: *--.*)?\n", by_hand):
                connection.execute(statement.encode())
            assert connection.execute("SELECT contract, invariant FROM ghostwatch.status").fetchall() == [
                ("onboarding", "first_meme")
            ]
            assert connection.execute("SELECT schedule FROM cron.job").fetchall() == [("* * * * *",)]

            connection.execute(
                "SELECT ghostwatch.declare_invariant('onboarding', 'first_meme', error_after => '7 minutes')"
            )
            for statement in re.findall(r"[^;]+;\n", adopted):
                connection.execute(statement.encode())
            assert connection.execute("SELECT count(*) FROM ghostwatch.status").fetchone() == (8,)
            assert connection.execute(
                "SELECT error_after::text FROM ghostwatch.invariant WHERE name = 'first_meme'"
            ).fetchone() == ("00:07:00",)

            sign_up(connection, 1)
            connection.execute("SELECT ghostwatch.enforce('onboarding', 'reject')")
            sign_up(connection, 101)
