"""`ghostwatch migrate`: from nothing to the earlier version, to the present one and back."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scripts.build import version
from tests.install.inventory import inventory
from tests.support.database import PARTS, Database
from tests.support.earlier import EARLIER, Migrations

pytestmark = pytest.mark.machine


def migrate(tree: Path, database: Database, *arguments: str, user: str | None = None) -> tuple[int, str, str]:
    """Runs the command of one of the two versions; returns exit code, output and errors."""
    finished = subprocess.run(
        [sys.executable, "-m", "ghostwatch", "migrate", "--dsn", database.server.dsn(database.name, user), *arguments],
        env=os.environ | {"PYTHONPATH": str(tree / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    return finished.returncode, finished.stdout, finished.stderr


def test_from_nothing_to_the_present_version_and_back(empty: Database, migrations: Migrations) -> None:
    """Whichever is due; and where nothing is, nothing happens."""
    assert migrate(migrations.present, empty, "--check") == (1, f"due: ghostwatch: install {version()}\n", "")
    assert migrate(migrations.scripts.parent, empty, "--onboarding") == (
        0,
        f"ghostwatch: install {EARLIER}\nghostwatch_onboarding: install {EARLIER}\n",
        "",
    )
    changes = [f"{part}: {EARLIER} to {version()}" for part in PARTS]
    assert migrate(migrations.present, empty, "--check") == (1, "".join(f"due: {c}\n" for c in changes), "")
    assert migrate(migrations.present, empty) == (0, "".join(f"{change}\n" for change in changes), "")
    assert migrate(migrations.present, empty, "--check") == (0, "", "")
    assert migrate(migrations.present, empty) == (0, "nothing to do\n", "")
    # A sidecar's host may still have the older package.
    assert migrate(migrations.scripts.parent, empty, "--check") == (0, "", "")

    back = [f"{part}: {version()} to {EARLIER}" for part in reversed(PARTS)]
    assert migrate(migrations.present, empty, "--to", EARLIER) == (0, "".join(f"{c}\n" for c in back), "")
    assert empty.value("SELECT version FROM ghostwatch.installation") == EARLIER


@pytest.mark.both_kinds
def test_a_dry_run_changes_nothing_and_says_what_it_would(earlier: Database, migrations: Migrations) -> None:
    """Objects that are new, gone or changed, and every lock that somebody could wait for."""
    earlier.execute("SELECT FROM onboarding.adopt()")
    before = inventory(earlier.connection)
    code, said, errors = migrate(migrations.present, earlier, "--dry-run")
    assert (code, errors) == (0, "")
    assert inventory(earlier.connection) == before
    for line in (
        f"would do ghostwatch: {EARLIER} to {version()}",
        "    gone table ghostwatch.obsolete_table",
        "    gone column ghostwatch.granted_role.obsolete",
        "    changed view ghostwatch.status",
        "  ghostwatch.installation: AccessExclusiveLock",
        "  ghostwatch.obsolete_table: AccessExclusiveLock",
        "rolled back: nothing was changed",
    ):
        assert line in said.splitlines()
    assert any("new function ghostwatch.hold_all_chats" in line for line in said.splitlines())
    assert "public." not in said, "no table of the application is locked"


@pytest.mark.both_kinds
def test_the_script_for_review_is_what_runs(earlier: Database, migrations: Migrations) -> None:
    code, script, errors = migrate(migrations.present, earlier, "--sql")
    assert (code, errors) == (0, "")
    earlier.connection.execute(script.encode())
    assert migrate(migrations.present, earlier, "--sql") == (0, "-- nothing to do\n", "")


def test_it_waits_for_locks_and_tries_again(earlier: Database, migrations: Migrations) -> None:
    """Each attempt is short, so that nobody waits behind it for long."""
    earlier.connection.execute(f"ALTER DATABASE {earlier.name} SET lock_timeout = '300ms'".encode())
    reader = earlier.connect(autocommit=False)
    reader.execute("SELECT FROM ghostwatch.obsolete_table")
    code, _, errors = migrate(migrations.present, earlier)
    assert code == 1
    assert "tried 5 times; nothing was changed" in errors

    blocked = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ghostwatch migrate' AND state = 'active'"
    with ThreadPoolExecutor(1) as pool:
        migrating = pool.submit(migrate, migrations.present, earlier)
        while earlier.value(blocked) == 0:
            pass
        reader.rollback()
        assert migrating.result()[0] == 0


def test_a_deadlock_is_tried_again(earlier: Database, migrations: Migrations) -> None:
    """Somebody reads a table that a step changes, and then one that the upgrade has locked."""
    observer, reader = earlier.connect(), earlier.connect(autocommit=False)
    # It is the upgrade that the server ends.
    reader.execute("SET deadlock_timeout = '1min'")
    reader.execute("SELECT FROM ghostwatch.obsolete_table")
    waits = "SELECT FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))"
    with ThreadPoolExecutor(1) as pool:
        migrating = pool.submit(migrate, migrations.present, earlier)
        while observer.execute(waits, [reader.info.backend_pid]).fetchone() is None:
            pass
        reader.execute("SELECT FROM ghostwatch.installation")
        reader.rollback()
        assert migrating.result()[0] == 0
    assert earlier.value("SELECT version FROM ghostwatch.installation") == version()


def test_another_role_is_told_how(earlier: Database, migrations: Migrations) -> None:
    """A superuser does not take over what belongs to a role without rights."""
    migrations.server.execute("CREATE ROLE another SUPERUSER LOGIN")
    try:
        code, _, errors = migrate(migrations.present, earlier, user="another")
        assert code == 1
        assert "options='-c role=postgres'" in errors
        assert migrate(migrations.present, earlier, "--check", user="another")[0] == 1
    finally:
        migrations.server.execute("DROP ROLE another")


def test_there_may_be_no_way(earlier: Database, migrations: Migrations) -> None:
    code, _, errors = migrate(migrations.present, earlier, "--to", "77.0.0")
    assert code == 1
    assert f"ghostwatch {EARLIER} is installed, and this package knows no way from there to 77.0.0" in errors
