"""The set-ups of docs/managed.md, with roles that have exactly the rights that stand there."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from scripts.build import ROOT
from tests.support.own_server import OwnServer, own_server

COMMAND = Path(sys.executable).with_name("ghostwatch")


@pytest.fixture
def service() -> Iterator[OwnServer]:
    """A server with pg_cron in the database postgres, and the bot's database, whose owner is no superuser."""
    with own_server() as server:
        server.execute("CREATE ROLE bot_owner LOGIN")
        server.create_database("bot", owner="bot_owner")
        yield server


def install(server: OwnServer) -> psycopg.Connection[Any]:
    """Installs as the owner of the database, and returns a connection of that role."""
    finished = subprocess.run(
        [COMMAND, "migrate", "--onboarding", "--dsn", server.dsn("bot", "bot_owner")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    connection = server.connect("bot", "bot_owner")
    connection.execute("SELECT FROM onboarding.adopt()")
    return connection


@pytest.mark.pg_cron
def test_pg_cron_in_another_database(service: OwnServer) -> None:
    """The statement of the hint runs with the grants of the page, and not without them; the job works."""
    service.execute("CREATE EXTENSION pg_cron")
    with install(service) as bot:
        with pytest.raises(psycopg.Error) as refused:
            bot.execute("SELECT ghostwatch.schedule()")
        assert refused.value.sqlstate == "GW055"
        statement, allowing = str(refused.value.diag.message_hint), str(refused.value.diag.message_detail)

        with service.connect("postgres", "bot_owner") as cron:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                cron.execute(statement.encode())
            grants = re.findall(r"^GRANT .*;$", (ROOT / "docs" / "managed.md").read_text(encoding="utf-8"), re.M)
            assert len(grants) == 2
            assert all(grant in allowing for grant in grants)
            for grant in grants:
                service.execute(grant)
            cron.execute(statement.encode())
            ((database, user, command),) = cron.execute("SELECT database, username, command FROM cron.job").fetchall()
        assert (database, user) == ("bot", "bot_owner")
        bot.execute(command.encode())
        assert bot.execute("SELECT count(*) FROM ghostwatch.check_run").fetchone() == (1,)


def test_without_pg_cron_the_owner_runs_the_checks(service: OwnServer) -> None:
    """What the sidecar does with GHOSTWATCH_RUN_CHECKS_DSN takes no further right."""
    with install(service) as bot:
        bot.execute("CALL ghostwatch.run_checks()")
        assert bot.execute("SELECT count(*) FROM ghostwatch.check_run").fetchone() == (1,)
