"""Scheduling with a real pg_cron: 1.4 on the machine's own server, a later one in containers."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql

from tests.support.database import Database
from tests.support.own_server import own_server
from tests.support.traps import TRAPS

COMMAND = "CALL ghostwatch.run_checks()"
# A run each minute stays for its minute.
EACH_MINUTE = "CALL ghostwatch.run_checks(stay_for => '1 minute')"
JOBS: LiteralString = "SELECT username, schedule, command, database, active FROM cron.job ORDER BY username"


def refused(code: str, call: Callable[[], Any]) -> psycopg.errors.Diagnostic:
    """What the database says when it refuses the call with the SQLSTATE."""
    with pytest.raises(psycopg.Error) as caught:
        call()
    assert caught.value.sqlstate == code
    return caught.value.diag


def hint(diagnostic: psycopg.errors.Diagnostic) -> bytes:
    """The hint, as the statement that it is."""
    assert diagnostic.message_hint
    return diagnostic.message_hint.encode()


def wait_for(happened: Callable[[], bool]) -> None:
    """Returns as soon as it has happened; gives up after ten seconds."""
    deadline = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.pg_cron
def test_schedule_again_changes_the_one_job(cron_home: Database) -> None:
    job = cron_home.value("SELECT ghostwatch.schedule()")
    assert cron_home.rows(JOBS) == [("postgres", "* * * * *", EACH_MINUTE, cron_home.name, True)]

    assert cron_home.value("SELECT ghostwatch.schedule('*/5 * * * *')") == job
    assert cron_home.rows(JOBS) == [("postgres", "*/5 * * * *", COMMAND, cron_home.name, True)]
    assert cron_home.value("SELECT ghostwatch._setting('check_period')::interval") == timedelta(minutes=5)


@pytest.mark.pg_cron
def test_schedule_switches_a_deactivated_job_on(cron_home: Database) -> None:
    job = cron_home.value("SELECT ghostwatch.schedule()")
    cron_home.execute("SELECT cron.alter_job(%s, active => false)", job)

    cron_home.execute("SELECT ghostwatch.schedule()")

    assert cron_home.rows(JOBS) == [("postgres", "* * * * *", EACH_MINUTE, cron_home.name, True)]


@pytest.mark.pg_cron
def test_schedule_in_seconds_needs_a_later_pg_cron(cron_home: Database) -> None:
    version = cron_home.value("SELECT extversion FROM pg_extension WHERE extname = 'pg_cron'")
    if version.startswith(("1.3", "1.4")):
        said = refused("GW053", lambda: cron_home.execute("SELECT ghostwatch.schedule('5 seconds')"))
        assert said.message_hint and "SELECT ghostwatch.schedule('* * * * *');" in said.message_hint
        assert cron_home.rows(JOBS) == []
    else:
        cron_home.execute("SELECT ghostwatch.schedule('5 seconds')")
        assert cron_home.rows(JOBS) == [("postgres", "5 seconds", COMMAND, cron_home.name, True)]
        assert cron_home.value("SELECT ghostwatch._setting('check_period')::interval") == timedelta(seconds=5)
        cron_home.execute("SELECT ghostwatch.schedule('1 second')")
        wait_for(lambda: cron_home.value("SELECT count(*) FROM ghostwatch.check_run") > 0)


@pytest.mark.pg_cron
def test_every_role_has_a_job_of_its_own(cron_home: Database, make_role: Callable[[], str]) -> None:
    roles = sorted(make_role() for _ in range(2))
    for role in roles:
        cron_home.execute("SELECT ghostwatch.grant_operator(%s)", role)
        cron_home.connection.execute(sql.SQL("GRANT USAGE ON SCHEMA cron TO {}").format(sql.Identifier(role)))
    first, second = (cron_home.connect(role) for role in roles)

    first.execute("SELECT ghostwatch.schedule()")
    second.execute("SELECT ghostwatch.schedule()")
    assert [username for username, *_ in cron_home.rows(JOBS)] == roles

    assert first.execute("SELECT ghostwatch.unschedule()").fetchone() == (True,)
    assert first.execute("SELECT ghostwatch.unschedule()").fetchone() == (False,)
    assert [username for username, *_ in cron_home.rows(JOBS)] == roles[1:]


@pytest.mark.pg_cron
def test_a_role_that_may_not_use_pg_cron_is_told_the_grant(cron_home: Database, make_role: Callable[[], str]) -> None:
    role = make_role()
    cron_home.execute("SELECT ghostwatch.grant_operator(%s)", role)
    operator = cron_home.connect(role)

    refused("GW056", lambda: operator.execute("SELECT ghostwatch.unschedule()"))
    said = refused("GW056", lambda: operator.execute("SELECT ghostwatch.schedule()"))

    statement = hint(said).removeprefix(b"As superuser: ")
    cron_home.connection.execute(statement)
    operator.execute("SELECT ghostwatch.schedule()")
    assert [username for username, *_ in cron_home.rows(JOBS)] == [role]


def scheduling_under_traps(connection: psycopg.Connection[Any], role: str, path: LiteralString) -> list[Any]:
    """Schedules as the role, with the traps on its search path; the jobs, and what became of them in the end."""
    connection.execute(TRAPS)
    connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
    connection.execute(path)
    connection.execute("SELECT ghostwatch.schedule('*/3 * * * *')")
    connection.execute("SELECT ghostwatch.schedule()")
    found = connection.execute("SELECT schedule, command FROM cron.job").fetchall()
    connection.execute("SELECT * FROM ghostwatch.doctor()")
    return [*found, connection.execute("SELECT ghostwatch.unschedule()").fetchone()]


@pytest.fixture
def scheduler(cron_home: Database, make_role: Callable[[], str]) -> str:
    """An operator that may use pg_cron."""
    role = make_role()
    cron_home.execute("SELECT ghostwatch.grant_operator(%s)", role)
    cron_home.connection.execute(sql.SQL("GRANT USAGE ON SCHEMA cron TO {}").format(sql.Identifier(role)))
    return role


@pytest.mark.attack(
    "the same in the database of pg_cron, while a role schedules its checks",
    role="anyone with CREATE on a schema",
    result="none is looked up",
)
@pytest.mark.pg_cron
@pytest.mark.parametrize(
    "path",
    [
        "SET search_path = trap, pg_catalog, ghostwatch, cron",
        "SET search_path = pg_catalog, trap, ghostwatch, cron",
    ],
)
def test_no_trap_fires_while_scheduling(cron_home: Database, scheduler: str, path: LiteralString) -> None:
    # Rolled back: dropping all traps takes more locks than a transaction has.
    with cron_home.connect().transaction(force_rollback=True) as block:
        assert scheduling_under_traps(block.connection, scheduler, path) == [("* * * * *", EACH_MINUTE), (True,)]


@pytest.mark.pg_cron
def test_scheduling_that_pins_nothing_meets_a_trap(cron_home: Database, scheduler: str) -> None:
    with (
        pytest.raises(psycopg.Error, match=r"trap|does not exist"),
        cron_home.connect().transaction(force_rollback=True) as block,
    ):
        block.connection.execute("ALTER FUNCTION ghostwatch.schedule(text) RESET search_path")
        scheduling_under_traps(block.connection, scheduler, "SET search_path = trap, pg_catalog, ghostwatch, cron")


@pytest.mark.pg_cron
def test_pg_cron_that_is_loaded_but_not_created(cron_home: Database) -> None:
    connection = cron_home.connect(autocommit=False)
    connection.execute("DROP EXTENSION pg_cron")
    found = connection.execute("SELECT verdict, finding, advice FROM ghostwatch.doctor() WHERE check_name = 'schedule'")
    assert found.fetchall() == [
        (
            "warning",
            f"pg_cron is loaded for database {cron_home.name}, but its extension was not created.",
            "CREATE EXTENSION pg_cron; -- as superuser",
        )
    ]
    said = refused("GW054", lambda: connection.execute("SELECT ghostwatch.schedule()"))
    connection.rollback()
    assert hint(said) == b"As superuser: CREATE EXTENSION pg_cron;"


@pytest.mark.pg_cron
@pytest.mark.parametrize("by", ["superuser", "operator"])
def test_pg_cron_in_another_database(
    cron_home: Database, make_role: Callable[[], str], database: Database, by: str
) -> None:
    role = make_role() if by == "operator" else None
    if role:
        database.execute("SELECT ghostwatch.grant_operator(%s)", role)
    here = database.connect(role)

    said = refused("GW055", lambda: here.execute("SELECT ghostwatch.schedule('*/2 * * * *')"))
    # Where pg_cron lives is not for everyone to know.
    assert said.message_detail
    assert (f"in database {cron_home.name}," in said.message_detail) == (by == "superuser")
    assert ("CREATE EXTENSION pg_cron" in said.message_detail) == (by == "operator")

    for grant in re.findall(r"GRANT .*?;", said.message_detail):
        cron_home.connection.execute(grant.encode())
    in_cron_database = cron_home.connect(role)
    in_cron_database.execute(hint(said))
    assert cron_home.rows(JOBS) == [(role or "postgres", "*/2 * * * *", COMMAND, database.name, True)]

    said = refused("GW055", lambda: here.execute("SELECT ghostwatch.unschedule()"))
    in_cron_database.execute(hint(said))
    assert cron_home.rows(JOBS) == []


def test_without_pg_cron_the_sidecar_can_do_it() -> None:
    with own_server(settings={"shared_preload_libraries": ""}) as server, server.connect() as connection:
        connection.execute("CREATE EXTENSION ghostwatch")

        said = refused("GW054", lambda: connection.execute("SELECT ghostwatch.schedule()"))

        assert said.message_hint and "GHOSTWATCH_RUN_CHECKS_EVERY" in said.message_hint
        assert connection.execute("SELECT ghostwatch.unschedule()").fetchone() == (False,)


@pytest.mark.parametrize("every", ["0 3 * * *", "*/0 * * * *", "60 seconds", "every minute", "", None])
def test_irregular_schedules_are_refused(database: Database, every: str | None) -> None:
    refused("GW052", lambda: database.execute("SELECT ghostwatch.schedule(%s)", every))


def test_job_names_are_unique_even_where_pg_cron_would_cut_them_off(database: Database) -> None:
    names = database.rows(
        """
        SELECT octet_length(ghostwatch._job_name(role)), ghostwatch._job_name(role)
        FROM (VALUES (repeat('r', 62) || '1'), (repeat('r', 62) || '2'), ('short')) AS r (role)
        """
    )
    assert len({name for _, name in names}) == 3
    assert max(length for length, _ in names) < 64
