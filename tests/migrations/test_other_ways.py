"""pg_cron's jobs, dumps of the version before, and sidecars of another version beside an upgrade."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scripts.build import version
from tests.support.cluster import Cluster
from tests.support.database import PARTS, Database
from tests.support.earlier import EARLIER, Migrations

pytestmark = pytest.mark.machine

NOW = datetime.now(UTC)


@pytest.mark.pg_cron
@pytest.mark.both_kinds
def test_the_schedule_stays(trees: tuple[Path, Path], kind: str) -> None:
    """The job of pg_cron is the same one, and what it calls succeeds."""
    with Cluster(dist=trees[1] / "dist", cron_database="bot") as server:
        server.create_database("bot")
        server.execute("CREATE EXTENSION pg_cron", "bot")
        migrations = Migrations(server, *trees)
        migrations.install_earlier("bot", kind)
        with server.connect("bot") as connection:
            connection.execute("SELECT ghostwatch.schedule()")
            jobs = connection.execute("SELECT * FROM cron.job").fetchall()
            assert len(jobs) == 1
            migrations.upgrade(connection, kind)
            assert connection.execute("SELECT * FROM cron.job").fetchall() == jobs
            (command,) = connection.execute("SELECT command FROM cron.job").fetchone() or ("",)
            connection.execute(str(command).encode())
            assert connection.execute("SELECT count(*) FROM ghostwatch.check_run").fetchone() == (1,)


@pytest.mark.pg_dump
@pytest.mark.both_kinds
def test_a_dump_of_the_version_before(
    earlier: Database, empty: Database, migrations: Migrations, kind: str, tmp_path: Path
) -> None:
    """It is restored as the version that it was made from, and upgraded then."""
    earlier.execute("SELECT FROM onboarding.adopt()")
    earlier.set_clock(NOW - timedelta(minutes=10))
    earlier.execute("SELECT FROM onboarding.start(6001480, 'Anna', deep_link => 'kitchen')")
    earlier.set_clock(NOW)
    earlier.execute("CALL ghostwatch.run_checks()")
    violations = earlier.value("SELECT count(*) FROM ghostwatch.violation")
    assert violations > 0

    dump = tmp_path / "dump.sql"
    dump.write_text(migrations.server.dump(earlier.name), encoding="utf-8")
    if kind == "extension":
        for part in PARTS:
            empty.connection.execute(f"CREATE EXTENSION {part} VERSION '{EARLIER}'".encode())
    assert migrations.server.psql_file(dump, empty.name).stderr == ""
    migrations.upgrade(empty.connection, kind)
    assert empty.value("SELECT version FROM ghostwatch.installation") == version()
    assert empty.value("SELECT count(*) FROM ghostwatch.violation") == violations
    assert empty.value("SELECT count(*) FROM ghostwatch.alert WHERE state = 'firing'") > 0


@pytest.mark.both_kinds
def test_a_sidecar_of_either_version(earlier: Database, migrations: Migrations, kind: str) -> None:
    """Its role claims and reports before, between and after, whichever package its process has."""
    migrations.server.execute("DROP ROLE IF EXISTS sidecar_of_any_version")
    migrations.server.execute("CREATE ROLE sidecar_of_any_version LOGIN")
    earlier.execute("SELECT FROM ghostwatch.grant_sidecar('sidecar_of_any_version')")
    earlier.execute("SELECT ghostwatch.add_channel('admins', -100)")
    earlier.execute("SELECT ghostwatch.post_event('user_started', '1', '{}')")
    sidecar = earlier.connect("sidecar_of_any_version")
    calls = (
        b"SELECT FROM ghostwatch.claim_notifications('sidecar')",
        b"SELECT ghostwatch.next_due_in()",
        b"SELECT ghostwatch.notification_sent(1, 'sidecar', 1)",
    )
    for undo in (False, True):
        for call in calls:
            sidecar.execute(call)
        migrations.upgrade(earlier.connection, kind, undo=undo)
    for call in calls:
        sidecar.execute(call)
    earlier.execute("DROP OWNED BY sidecar_of_any_version")
    migrations.server.execute("DROP ROLE sidecar_of_any_version")


@pytest.mark.pg_dump
@pytest.mark.both_kinds
def test_a_dump_after_an_upgrade_carries_the_grants(
    earlier: Database, empty: Database, migrations: Migrations, kind: str, tmp_path: Path
) -> None:
    """Also those on functions that the upgrade brought or made anew."""
    migrations.server.execute("DROP ROLE IF EXISTS sidecar_of_a_dump")
    migrations.server.execute("CREATE ROLE sidecar_of_a_dump LOGIN")
    earlier.execute("SELECT FROM ghostwatch.grant_sidecar('sidecar_of_a_dump')")
    migrations.upgrade(earlier.connection, kind)
    rights = """
        SELECT p.oid::regprocedure::text
        FROM pg_proc AS p
        WHERE p.pronamespace = 'ghostwatch'::regnamespace
            AND has_function_privilege('sidecar_of_a_dump', p.oid, 'EXECUTE')
        ORDER BY 1
    """
    assert earlier.rows(rights)

    dump = tmp_path / "dump.sql"
    dump.write_text(migrations.server.dump(earlier.name), encoding="utf-8")
    assert migrations.server.psql_file(dump, empty.name).stderr == ""
    assert empty.rows(rights) == earlier.rows(rights)
    for database in (earlier, empty):
        database.execute("DROP OWNED BY sidecar_of_a_dump")
    migrations.server.execute("DROP ROLE sidecar_of_a_dump")
