"""pg_cron's jobs, and dumps of one version that another one restores."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.build import version
from tests.support.cluster import Cluster, Server
from tests.support.database import Database
from tests.support.earlier import RELEASED, Migrations
from tests.support.incident import columns, dumped, go_on_with_the_incident, live_through_an_incident, recorded, restore

pytestmark = [pytest.mark.machine, pytest.mark.both_kinds]


@pytest.fixture
def role(server: Server) -> Iterator[str]:
    """A role without rights."""
    name = f"role_{os.getpid()}"
    server.execute(f"CREATE ROLE {name} LOGIN")
    yield name
    server.execute(f"DROP ROLE {name}")


@pytest.mark.pg_cron
@pytest.mark.parametrize("number", RELEASED)
def test_the_schedule_stays(number: str, kind: str) -> None:
    """The job of pg_cron is the same one, and what it calls succeeds; after the undo too."""
    with Cluster(cron_database="bot") as server:
        server.create_database("bot")
        server.execute("CREATE EXTENSION pg_cron", "bot")
        release = Migrations.released(server, number)
        release.install_before("bot", kind)
        with server.connect("bot") as connection:
            connection.execute("SELECT ghostwatch.schedule()")
            jobs = connection.execute("SELECT * FROM cron.job").fetchall()
            assert len(jobs) == 1
            for runs, undo in ((1, False), (2, True)):
                release.upgrade(connection, kind, undo=undo)
                assert connection.execute("SELECT * FROM cron.job").fetchall() == jobs
                (command,) = connection.execute("SELECT command FROM cron.job").fetchone() or ("",)
                connection.execute(str(command).encode())
                assert connection.execute("SELECT count(*) FROM ghostwatch.check_run").fetchone() == (runs,)


@pytest.mark.pg_dump
def test_a_dump_of_the_version_before(
    released: Database, empty_database: Database, release: Migrations, kind: str, tmp_path: Path
) -> None:
    """It is restored as the version that it was made from, and upgraded then."""
    live_through_an_incident(released)
    known = dumped(columns(released))
    if kind == "extension":
        release.install_before(empty_database.name, kind)
    restore(released, empty_database, tmp_path)
    assert recorded(empty_database, known) == recorded(released, known)
    release.upgrade(empty_database.connection, kind)
    assert empty_database.value("SELECT version FROM ghostwatch.installation") == version()
    go_on_with_the_incident(empty_database)


@pytest.mark.pg_dump
def test_a_dump_for_a_server_with_the_version_before(
    released: Database, release: Migrations, kind: str, tmp_path: Path
) -> None:
    """What was upgraded is undone before it is dumped, and restored where nobody knows the present version."""
    live_through_an_incident(released)
    known = dumped(columns(released))
    release.upgrade(released.connection, kind)
    release.upgrade(released.connection, kind, undo=True)
    with Cluster(dist=release.scripts) as older, Database.create(older, "bot", "template1", kind) as target:
        restore(released, target, tmp_path)
        assert target.value("SELECT version FROM ghostwatch.installation") == release.before
        assert recorded(target, known) == recorded(released, known)
        go_on_with_the_incident(target)


@pytest.mark.pg_dump
def test_a_dump_after_an_upgrade_carries_the_grants(
    released: Database, empty_database: Database, release: Migrations, kind: str, role: str, tmp_path: Path
) -> None:
    """Also those on functions that the upgrade brought or made anew."""
    released.execute("SELECT FROM ghostwatch.grant_sidecar(%s)", role)
    release.upgrade(released.connection, kind)
    rights = """
        SELECT p.oid::regprocedure::text
        FROM pg_proc AS p
        WHERE p.pronamespace = 'ghostwatch'::regnamespace AND has_function_privilege(%s::name, p.oid, 'EXECUTE')
        ORDER BY 1
    """
    assert released.rows(rights, role)
    restore(released, empty_database, tmp_path)
    assert empty_database.rows(rights, role) == released.rows(rights, role)
    for database in (released, empty_database):
        database.connection.execute(f"DROP OWNED BY {role}".encode())
