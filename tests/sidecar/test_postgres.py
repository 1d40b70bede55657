"""Postgres goes away, in every way that it can, and comes back."""

from __future__ import annotations

import asyncio
import os
import pwd
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from ghostwatch.notifier import queries
from ghostwatch.notifier.database import Database as WorkingConnection
from ghostwatch.notifier.database import DatabaseUnavailable
from ghostwatch.notifier.listener import Listener
from tests.sidecar.process import Outbox, Sidecar, StartSidecar, environment_for
from tests.sidecar.proxy import SilentProxy
from tests.sidecar.standby import standby_of, wait_until_it_has_replayed_all
from tests.support.database import Database
from tests.support.fake_telegram import FakeTelegram, Slow
from tests.support.own_server import OwnServer, own_server

# So rarely that only a wake-up can be the reason for anything.
RARELY = "10m"
LISTENING = "NOTIFY wakes this sidecar"


@pytest.fixture
def bot_server() -> Iterator[OwnServer]:
    """A server that a test may stop, with a database 'bot'."""
    with own_server() as server:
        server.create_database("bot")
        server.execute("CREATE EXTENSION ghostwatch", "bot")
        yield server


@contextmanager
def outbox_of(server: OwnServer) -> Iterator[Outbox]:
    """The outbox of a server of our own, for as long as it is up."""
    database = Database(server, "bot", "extension")
    try:
        yield Outbox(database)
    finally:
        database.connection.close()


def prepare(server: OwnServer) -> None:
    """Something to tell, and somebody to be told."""
    with outbox_of(server) as outbox:
        outbox.prepare()
        outbox.add_channel()


def test_a_notification_wakes_it(outbox: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar) -> None:
    """Without waiting for the next poll."""
    outbox.add_channel()
    start_sidecar(poll_every=RARELY, wait_for=LISTENING)
    outbox.open_alert()
    telegram.wait_for_messages(1)


def test_a_database_that_does_not_know_its_encoding(
    database_without_encoding: Database, telegram: FakeTelegram, tmp_path: Path
) -> None:
    """What it says is text all the same."""
    database_without_encoding.execute("CREATE EXTENSION ghostwatch")
    outbox = Outbox(database_without_encoding)
    outbox.prepare()
    outbox.add_channel("админы")
    with Sidecar(database_without_encoding.dsn, tmp_path / "log", environment_for(telegram)) as sidecar:
        outbox.open_alert()
        sidecar.wait_until_it_says("to админы: sent as message 1")


@pytest.mark.parametrize(
    "terminate",
    [
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
        "AND application_name LIKE 'ghostwatch % (listening)'",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
        "AND application_name LIKE 'ghostwatch %' AND application_name NOT LIKE '% (listening)'",
    ],
    ids=["listening", "working"],
)
def test_a_terminated_connection_is_made_again(
    outbox: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar, terminate: LiteralString
) -> None:
    """What is written meanwhile is delivered, and wake-ups work again afterwards."""
    outbox.add_channel()
    start_sidecar(poll_every=RARELY, wait_for=LISTENING)
    assert outbox.database.rows(terminate) == [(True,)]
    outbox.open_alert()
    telegram.wait_for_messages(1)
    outbox.open_alert("second")
    telegram.wait_for_messages(2)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_restart_or_a_crash_of_the_server(
    bot_server: OwnServer, telegram: FakeTelegram, tmp_path: Path, mode: str
) -> None:
    """It waits for the server, saying each cause once and not at every attempt, and then delivers."""
    prepare(bot_server)
    with Sidecar(bot_server.dsn("bot"), tmp_path / "log", environment_for(telegram)) as sidecar:
        sidecar.wait_until_it_says(LISTENING)
        bot_server.stop(mode)
        sidecar.wait_until_it_says("the database: ")
        # Long enough for several attempts.
        time.sleep(2)
        bot_server.start()
        with outbox_of(bot_server) as outbox:
            outbox.open_alert()
        telegram.wait_for_messages(1)
        sidecar.wait_until_it_says(LISTENING, times=2)
        # One line a cause (the connection is lost, nobody is there, it is starting) and one for the end.
        assert 2 <= sidecar.output.count("the database: ") <= 5, sidecar.output
        assert 2 <= sidecar.output.count("listening for NOTIFY: ") <= 5, sidecar.output


def test_what_was_sent_while_the_server_crashed_is_recorded_afterwards(
    bot_server: OwnServer, telegram: FakeTelegram, tmp_path: Path
) -> None:
    """The report is kept until the database takes it, so that nothing goes out twice."""
    prepare(bot_server)
    with Sidecar(bot_server.dsn("bot"), tmp_path / "log", environment_for(telegram)) as sidecar:
        sidecar.wait_until_it_says(LISTENING)
        telegram.answer_next(Slow)
        with outbox_of(bot_server) as outbox:
            outbox.open_alert()
        telegram.wait_for(lambda: len(telegram.sent()) == 1)
        bot_server.stop("immediate")
        telegram.release()
        sidecar.wait_until_it_says("sent as message 1")
        bot_server.start()
        with outbox_of(bot_server) as outbox:
            sidecar.wait_until(lambda: outbox.states() == ["sent"])
    assert len(telegram.sent()) == 1


async def test_a_half_open_connection_is_found(bot_server: OwnServer) -> None:
    """No side ever says that it is gone: the call has a time-out, the NOTIFY to itself does not come back."""
    with SilentProxy(bot_server.port) as proxy:
        through_proxy = make_conninfo(bot_server.dsn("bot"), port=proxy.port)
        woken = asyncio.Event()
        working = WorkingConnection(through_proxy, "ghostwatch test")
        beside = WorkingConnection(bot_server.dsn("bot"), "ghostwatch test beside")
        listener = Listener(through_proxy, "test", beside, woken.set, prove_every=0.2, echo_timeout=0.5)
        listening = asyncio.create_task(listener.run())
        try:
            await asyncio.wait_for(woken.wait(), 10)
            await working.call(queries.PING, {"payload": "ping before"})

            proxy.swallow()
            woken.clear()
            with pytest.raises(DatabaseUnavailable, match="no answer within"):
                await working.call(queries.PING, {"payload": "ping lost"}, seconds=0.5)
            # It listens anew, and says so by waking the delivery.
            await asyncio.wait_for(woken.wait(), 10)
            await working.call(queries.PING, {"payload": "ping after"})
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            await working.close()
            await beside.close()


def test_a_transaction_pooling_proxy_is_polled_through(
    bot_server: OwnServer, telegram: FakeTelegram, tmp_path: Path
) -> None:
    """LISTEN has no effect there; it says so once and polls."""
    prepare(bot_server)
    with pgbouncer(bot_server, tmp_path) as port:
        dsn = make_conninfo(bot_server.dsn("bot"), port=port)
        with Sidecar(dsn, tmp_path / "log", environment_for(telegram)) as sidecar:
            sidecar.wait_until_it_says("LISTEN has no effect")
            for number in range(3):
                with outbox_of(bot_server) as outbox:
                    outbox.open_alert(f"invariant_{number}")
                telegram.wait_for_messages(number + 1)
            assert sidecar.output.count("LISTEN has no effect") == 1
            assert sidecar.stop() == 0


@contextmanager
def pgbouncer(server: OwnServer, directory: Path) -> Iterator[int]:
    """Debian's PgBouncer before a server, pooling by transaction; yields its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    home = directory / "pgbouncer"
    home.mkdir()
    (home / "users").write_text('"postgres" ""\n', encoding="utf-8")
    (home / "ini").write_text(
        f"[databases]\n* = host=127.0.0.1 port={server.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
        f"listen_port = {port}\nunix_socket_dir =\nauth_type = trust\nauth_file = {home}/users\n"
        "pool_mode = transaction\nignore_startup_parameters = extra_float_digits\n",
        encoding="utf-8",
    )
    account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    if account is not None:
        # It refuses to be root, and pytest's directories are closed to others.
        for path in (home, home / "users", home / "ini"):
            os.chown(path, account.pw_uid, account.pw_gid)
        for path in (home, *home.parents):
            if path.stat().st_uid == 0 and path != Path(path.anchor):
                path.chmod(path.stat().st_mode | 0o011)
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            # Only root has Debian's directory for it on the path.
            ["/usr/sbin/pgbouncer", home / "ini"],
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
            stdout=log,
            stderr=log,
        )
        try:
            _wait_for_port(port, process, home / "log")
            yield port
        finally:
            process.terminate()
            process.wait()


def _wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, log.read_text(encoding="utf-8")
        time.sleep(0.05)
    raise AssertionError(log.read_text(encoding="utf-8"))


def test_a_standby_that_is_promoted_takes_over(bot_server: OwnServer, telegram: FakeTelegram, tmp_path: Path) -> None:
    """Several hosts in the DSN, target_session_attrs=read-write, and a real streaming replica."""
    primary = bot_server
    prepare(primary)
    with standby_of(primary) as standby:
        dsn = make_conninfo(
            primary.dsn("bot"), host="127.0.0.1,127.0.0.1", port=f"{standby.port},{primary.port}",
            target_session_attrs="read-write",
        )  # fmt: skip
        with Sidecar(dsn, tmp_path / "log", environment_for(telegram)) as sidecar:
            sidecar.wait_until_it_says(LISTENING)
            with outbox_of(primary) as outbox:
                outbox.open_alert()
                telegram.wait_for_messages(1)
                sidecar.wait_until(lambda: outbox.states() == ["sent"])
            wait_until_it_has_replayed_all(standby, primary)
            with standby.connect("bot") as read_only, pytest.raises(psycopg.Error, match="on a standby") as refused:
                read_only.execute("CALL ghostwatch.run_checks()")
            assert refused.value.sqlstate == "GW023"
            assert refused.value.diag.message_hint == "Connect to the primary: CALL ghostwatch.run_checks();"
            with standby.connect("bot") as read_only:
                said = read_only.execute(
                    "SELECT finding FROM ghostwatch.doctor() WHERE check_name = 'server'"
                ).fetchall()
            assert [finding.partition(":")[0] for (finding,) in said] == ["This database is in recovery"]
            primary.stop("immediate")
            sidecar.wait_until_it_says("the database: ")
            time.sleep(2)
            standby.execute("SELECT pg_promote()")
            with outbox_of(standby) as outbox:
                outbox.open_alert("second")
            telegram.wait_for_messages(2)
            sidecar.wait_until_it_says(LISTENING, times=2)
            assert len(sidecar.output.splitlines()) < 20, sidecar.output
    assert len(telegram.sent()) == 2
