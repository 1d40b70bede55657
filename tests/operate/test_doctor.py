"""What the doctor can only see in other sessions, and in a real pg_cron."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from psycopg import sql

from tests.support.database import Database


def said(database: Database, check_name: str) -> list[tuple[str, str, str | None]]:
    """What the doctor says about one thing, without what is well."""
    return [
        (verdict, finding, advice)
        for verdict, finding, advice in database.rows(
            "SELECT verdict, finding, advice FROM ghostwatch.doctor() WHERE check_name = %s", check_name
        )
        if verdict != "ok"
    ]


def let_ten_minutes_pass(database: Database) -> None:
    """Moves the clock; what other sessions began stays where it is."""
    database.set_clock(database.value("SELECT clock_timestamp() + interval '10 minutes'"))


def test_a_long_transaction_holds_the_watermarks(database: Database) -> None:
    assert said(database, "late commits") == []
    idle = database.connect(autocommit=False)
    idle.execute("SET application_name = 'signup'")

    let_ten_minutes_pass(database)
    [(verdict, finding, advice)] = said(database, "late commits")
    assert verdict == "warning"
    assert finding.startswith(f"Process {idle.info.backend_pid} (postgres, signup) has a transaction open since ")
    assert advice == f"SELECT pg_terminate_backend({idle.info.backend_pid});"

    database.connection.execute(advice.encode())
    database.execute("SELECT pg_terminate_backend(%s, 10000)", idle.info.backend_pid)  # waits until it is gone
    assert said(database, "late commits") == []


def test_a_prepared_transaction_holds_the_watermarks(database: Database) -> None:
    database.execute("CREATE TABLE account (id bigint)")
    database.execute("BEGIN")
    database.execute("INSERT INTO account VALUES (1)")
    database.execute("PREPARE TRANSACTION 'it''s mine'")

    let_ten_minutes_pass(database)
    [(verdict, finding, advice)] = said(database, "late commits")
    assert verdict == "warning"
    assert finding.startswith("Transaction 'it''s mine' of postgres is prepared since ")
    assert advice == "ROLLBACK PREPARED 'it''s mine'; -- or COMMIT PREPARED 'it''s mine';"

    database.connection.execute(advice.encode())
    assert said(database, "late commits") == []


@pytest.mark.pg_cron
def test_pg_cron_out_of_sight_is_no_fault(database: Database) -> None:
    assert said(database, "schedule") == []


@pytest.mark.pg_cron
def test_the_schedule_is_seen_whole(cron_home: Database, make_role: Callable[[], str]) -> None:
    assert said(cron_home, "schedule") == [
        ("warning", "No job of pg_cron that this role can see runs the checks.", "SELECT ghostwatch.schedule();")
    ]

    job = cron_home.value("SELECT ghostwatch.schedule()")
    [finding] = cron_home.rows("SELECT verdict, finding, advice FROM ghostwatch.doctor() WHERE check_name = 'schedule'")
    assert finding == ("ok", "pg_cron runs the checks as postgres at * * * * *; not yet.", None)

    # What pg_cron itself notes of a run that could not connect.
    cron_home.execute(
        """
        INSERT INTO cron.job_run_details (jobid, runid, status, return_message, start_time)
        VALUES (%s, 1000000, 'failed', E'connection failed\n', '2026-01-01 12:00+00')
        """,
        job,
    )
    [(verdict, text, advice)] = said(cron_home, "schedule")
    assert (verdict, text.endswith(": connection failed")) == ("error", True)
    assert advice and "cron.use_background_workers" in advice
    # A run that had a process did connect, whatever its message says.
    cron_home.execute("UPDATE cron.job_run_details SET job_pid = 1, return_message = 'ERROR:  connection to shop lost'")
    [(verdict, text, advice)] = said(cron_home, "schedule")
    assert advice == "As role postgres: CALL ghostwatch.run_checks();"
    cron_home.execute("DELETE FROM cron.job_run_details")

    cron_home.execute("SELECT cron.alter_job(%s, active => false)", job)
    [(verdict, text, advice)] = said(cron_home, "schedule")
    assert (verdict, text) == ("warning", f"Job {job} of role postgres is switched off.")
    assert advice == "SET ROLE postgres; SELECT ghostwatch.schedule('* * * * *');"
    cron_home.connection.execute(advice.encode())
    assert said(cron_home, "schedule") == []


@pytest.mark.pg_cron
def test_who_may_not_use_pg_cron_is_told_the_grant(cron_home: Database, make_role: Callable[[], str]) -> None:
    role = make_role()
    cron_home.execute("SELECT ghostwatch.grant_operator(%s)", role)
    operator = cron_home.connect(role)

    found = operator.execute("SELECT finding, advice FROM ghostwatch.doctor() WHERE check_name = 'schedule'").fetchall()

    assert found == [
        (f"Role {role} may not use pg_cron.", f'GRANT USAGE ON SCHEMA cron TO "{role}";'),
    ]


@pytest.mark.pg_cron
def test_notes_that_pg_cron_never_removes(cron_home: Database) -> None:
    cron_home.execute("SELECT ghostwatch.schedule()")
    cron_home.execute("UPDATE pg_class SET reltuples = 2e6 WHERE oid = 'cron.job_run_details'::regclass")
    [(verdict, finding, advice)] = said(cron_home, "schedule")
    assert (verdict, finding) == ("warning", "cron.job_run_details holds about 2000000 rows and is never pruned.")

    assert advice is not None
    cron_home.connection.execute(advice.encode())
    assert cron_home.value("SELECT count(*) FROM cron.job WHERE jobname = 'forget old runs'") == 1
    cron_home.execute("ANALYZE cron.job_run_details")


def test_advised_statements_run(database: Database, make_role: Callable[[], str]) -> None:
    """What the doctor says to type about a contract can be typed, whatever the names."""
    role = make_role()
    database.execute("SELECT ghostwatch.grant_operator(%s)", role)
    database.execute("SELECT ghostwatch.add_channel('admins', -1)")
    database.execute('CREATE SCHEMA "My App"')
    database.execute('CREATE TABLE "My App"."user" (id bigint PRIMARY KEY, "born At" timestamptz)')
    database.execute('CREATE TABLE "My App"."Meme" ("user Id" bigint)')
    database.connection.execute(
        sql.SQL(
            'GRANT CREATE, USAGE ON SCHEMA "My App" TO {0}; GRANT SELECT ON ALL TABLES IN SCHEMA "My App" TO {0}'
        ).format(sql.Identifier(role))
    )
    owner = database.connect(role)
    owner.execute("""SELECT ghostwatch.declare_contract('c', '"My App"."user"', born_at_column => 'born At')""")
    owner.execute("""SELECT ghostwatch.declare_invariant('c', 'meme', '"My App"."Meme"', 'user Id')""")
    database.connection.execute(
        sql.SQL('REVOKE ALL ON SCHEMA "My App" FROM {0}; REVOKE ALL ON ALL TABLES IN SCHEMA "My App" FROM {0}').format(
            sql.Identifier(role)
        )
    )

    for check_name in ("tables", "indexes", "late commits", "time limit"):
        findings = said(database, check_name)
        assert findings, check_name
        for _, _, advice in findings:
            assert advice is not None
            for statement in advice.split(" --")[0].split(";"):
                if statement.strip():
                    database.connection.execute(statement.encode())
        assert said(database, check_name) == []
