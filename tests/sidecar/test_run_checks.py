"""Where there is no pg_cron, the sidecar runs the checks, as a role that may."""

from __future__ import annotations

from collections.abc import Callable

from tests.sidecar.process import StartSidecar
from tests.support.database import Database
from tests.support.fake_telegram import FakeTelegram


def test_checks_run_as_the_contracts_owner_while_messages_go_out_as_the_sidecar(
    database: Database, telegram: FakeTelegram, start_sidecar: StartSidecar
) -> None:
    """Each connection has the rights of its own role and no more."""
    database.execute("CREATE ROLE delivers_only LOGIN")
    try:
        database.execute("SELECT ghostwatch.grant_sidecar('delivers_only')")
        database.execute("CREATE TABLE public.account (id bigint PRIMARY KEY, created_at timestamptz NOT NULL)")
        database.execute("CREATE TABLE public.greeting (account_id bigint NOT NULL)")
        database.execute("SELECT ghostwatch.declare_contract('accounts', 'public.account')")
        database.execute("SELECT ghostwatch.declare_invariant('accounts', 'greeting', 'public.greeting', 'account_id')")
        database.execute("SELECT ghostwatch.add_channel('admins', -1001)")
        database.execute("INSERT INTO public.account VALUES (7, now() - interval '6 minutes')")

        start_sidecar(
            database.server.dsn(database.name, user="delivers_only"),
            run_checks_every="200ms",
            run_checks_dsn=database.dsn,
        )
        (message,) = telegram.wait_for_messages(1)
        assert "sample: 7" in message.text
    finally:
        database.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'delivers_only'")
        database.execute("DROP OWNED BY delivers_only")
        database.execute("DROP ROLE delivers_only")


def test_what_becomes_due_does_not_wait_for_the_next_run(
    database: Database, telegram: FakeTelegram, start_sidecar: StartSidecar
) -> None:
    """Between two runs, which are an hour apart, the sidecar asks when something is due."""
    database.execute(
        "CREATE TABLE public.account (id bigint PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT now())"
    )
    database.execute("CREATE TABLE public.greeting (account_id bigint NOT NULL)")
    database.execute("SELECT ghostwatch.declare_contract('accounts', 'public.account')")
    database.execute(
        "SELECT ghostwatch.declare_invariant("
        "'accounts', 'greeting', 'public.greeting', 'account_id', warn_after => '1 second')"
    )
    database.execute("SELECT ghostwatch.add_channel('admins', -1001)")
    sidecar = start_sidecar(database.dsn, run_checks_every="1h")
    sidecar.wait_until(lambda: database.value("SELECT count(*) FROM ghostwatch.check_run") == 1)

    database.execute("INSERT INTO public.account (id) VALUES (7)")

    (message,) = telegram.wait_for_messages(1)
    assert "sample: 7" in message.text


def test_a_role_that_may_not_run_them_learns_which_setting_is_missing(
    database: Database, make_role: Callable[[], str], start_sidecar: StartSidecar
) -> None:
    """The sidecar's own role is tried first, by whoever reads only of the one variable."""
    role = make_role()
    database.execute("SELECT ghostwatch.grant_sidecar(%s)", role)
    sidecar = start_sidecar(database.server.dsn(database.name, user=role), run_checks_every="200ms")
    sidecar.wait_until_it_says("permission denied for procedure run_checks")
    sidecar.wait_until_it_says("GHOSTWATCH_RUN_CHECKS_DSN")
