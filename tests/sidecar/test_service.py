"""The sidecar as a process: how it starts, ends, is seen from outside, and what it never says."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from ghostwatch.notifier.fleet import Fleet
from ghostwatch.notifier.messages import Renderer, Text
from ghostwatch.notifier.service import _supervise
from ghostwatch.notifier.terminal import Terminal
from ghostwatch.settings import Settings
from tests.sidecar.process import GHOSTWATCH, Outbox, Sidecar, StartSidecar, environment_for
from tests.support.cluster import free_port
from tests.support.database import Database
from tests.support.fake_telegram import TOKEN, FakeTelegram, Slow, refusal

CHAT = -1001


def get(port: int, path: str) -> tuple[int, str]:
    """Status and body."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


MakeRole = Callable[[], str]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    return subprocess.run(
        [GHOSTWATCH, *arguments],
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_sigterm_finishes_what_is_being_sent(
    outbox: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar
) -> None:
    """A message that is on its way is waited for and recorded; nothing more is claimed."""
    outbox.add_channel()
    sidecar = start_sidecar()
    telegram.answer_next(Slow)
    outbox.open_alert()
    telegram.wait_for_messages(1)
    sidecar.process.send_signal(signal.SIGTERM)
    outbox.open_alert("second")
    telegram.release()
    assert sidecar.process.wait(20) == 0
    assert outbox.states() == ["sent", "pending"]
    # Nobody need wonder where it is.
    assert outbox.database.rows("SELECT worker FROM ghostwatch.sidecar") == []


async def test_a_side_task_that_dies_ends_the_process(
    database: Database,
    telegram: FakeTelegram,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With a non-zero code and the reason, for its supervisor to start it again."""
    fleet = Fleet(Terminal(), Renderer(), None)
    await fleet.serve([Settings.from_environment(telegram.environment, dsn=database.dsn)])

    async def out_of_luck() -> None:
        raise RuntimeError("out of luck")

    monkeypatch.setattr(fleet.instances[0].listener, "run", out_of_luck)
    assert await _supervise(fleet, {}) == 1
    assert "listener has died" in caplog.text
    assert "out of luck" in caplog.text


def test_the_first_connect_fails_fast(telegram: FakeTelegram) -> None:
    """With one clear line."""
    finished = run("notify", "--dsn", f"host=127.0.0.1 port={free_port()} dbname=x user=x")
    assert finished.returncode == 1
    assert "no bot token" in finished.stderr
    finished = run("notify", "--dsn", f"host=127.0.0.1 port={free_port()} dbname=x user=x", **telegram.environment)
    assert finished.returncode == 1
    assert "the outbox cannot be reached" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_a_database_without_ghostwatch_or_without_the_right(
    database: Database, empty_database: Database, telegram: FakeTelegram
) -> None:
    """Says what to type."""
    finished = run("notify", "--dsn", empty_database.dsn, **telegram.environment)
    assert "ghostwatch install" in finished.stderr
    database.execute("DROP ROLE IF EXISTS nobody_special")
    database.execute("CREATE ROLE nobody_special LOGIN")
    finished = run("notify", "--dsn", database.server.dsn(database.name, "nobody_special"), **telegram.environment)
    assert "grant_sidecar" in finished.stderr
    database.execute("DROP ROLE nobody_special")


def test_health_and_metrics(outbox: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar) -> None:
    """Alive, ready and counted; not ready while the token is refused."""
    port = free_port()
    outbox.add_channel()
    sidecar = start_sidecar(http_port=str(port), wait_for="NOTIFY wakes")
    assert get(port, "/healthz")[0] == 200
    assert json.loads(get(port, "/readyz")[1]) == {"alive": True, "listening": True, "problems": {}}
    assert get(port, "/other")[0] == 404

    outbox.open_alert()
    telegram.wait_for(lambda: outbox.states() == ["sent"])
    sidecar.wait_until(lambda: 'ghostwatch_sends_total{outcome="sent"} 1.0' in get(port, "/metrics")[1])
    names = set(re.findall(r"^(ghostwatch_\w+)", get(port, "/metrics")[1], re.MULTILINE))
    assert {
        "ghostwatch_notifications_waiting",
        "ghostwatch_events_waiting",
        "ghostwatch_oldest_waiting_seconds",
        "ghostwatch_sends_total",
        "ghostwatch_send_duration_seconds_bucket",
        "ghostwatch_listening",
    } <= names

    telegram.token = "1:revoked"
    outbox.open_alert("second")
    sidecar.wait_until(lambda: get(port, "/readyz")[0] == 503)
    assert "the bot token" in json.loads(get(port, "/readyz")[1])["problems"]
    assert get(port, "/healthz")[0] == 200


def test_a_port_that_is_taken(database: Database, telegram: FakeTelegram) -> None:
    """One clear line."""
    port = telegram.url.rpartition(":")[2]
    finished = run("notify", "--dsn", database.dsn, GHOSTWATCH_HTTP_PORT=port, **telegram.environment)
    assert finished.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in finished.stderr


def test_systemd_is_notified_when_it_is_ready_alive_and_stopping(
    database: Database, telegram: FakeTelegram, tmp_path: Path
) -> None:
    """Type=notify, WatchdogSec=."""
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(address)
        supervisor.settimeout(20)
        environment = environment_for(telegram) | {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "200000"}
        with Sidecar(database.dsn, tmp_path / "log", environment) as sidecar:
            heard = [supervisor.recv(100) for _ in range(3)]
            assert heard == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]
            assert sidecar.stop() == 0
            supervisor.setblocking(False)
            rest = []
            while True:
                try:
                    rest.append(supervisor.recv(100))
                except BlockingIOError:
                    break
            assert rest[-1] == b"STOPPING=1"


def test_the_heartbeat_url_is_fetched_only_while_all_is_well(
    outbox: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar
) -> None:
    """After a check run that succeeded, with the outbox served; else somebody outside wonders."""
    pinged = threading.Event()

    answers = [404, 200]

    class Watcher(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            pinged.set()
            self.send_response(answers.pop(0))
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    with HTTPServer(("127.0.0.1", 0), Watcher) as watcher:
        thread = threading.Thread(target=watcher.serve_forever)
        thread.start()
        try:
            url = f"http://127.0.0.1:{watcher.server_address[1]}/ping"
            start_sidecar(heartbeat_url=url, wait_for="NOTIFY wakes").stop()
            assert not pinged.is_set()
            outbox.database.execute(
                "SELECT ghostwatch.declare_invariant('onboarding', 'greeting', 'public.greeting', 'account_id')"
            )
            outbox.database.execute("CALL ghostwatch.run_checks()")
            refused = start_sidecar(heartbeat_url=url, wait_for="NOTIFY wakes")
            refused.wait_until_it_says("the heartbeat URL: it answers 404")
            # It is a secret of its own.
            assert url not in refused.output
            refused.stop()
            pinged.clear()
            start_sidecar(heartbeat_url=url, wait_for="NOTIFY wakes")
            assert pinged.wait(10)
        finally:
            watcher.shutdown()
            thread.join()


def test_it_runs_the_checks_where_there_is_no_pg_cron(outbox: Outbox, start_sidecar: StartSidecar) -> None:
    """GHOSTWATCH_RUN_CHECKS_EVERY."""
    outbox.database.execute(
        "SELECT ghostwatch.declare_invariant('onboarding', 'greeting', 'public.greeting', 'account_id')"
    )
    sidecar = start_sidecar(run_checks_every="100ms")
    sidecar.wait_until(lambda: outbox.database.value("SELECT count(*) FROM ghostwatch.check_run") >= 2)


def test_checks_that_stopped_are_an_alert(outbox: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar) -> None:
    """Raised by the sidecar, since whoever has stopped cannot say so."""
    outbox.add_channel()
    outbox.database.execute(
        "SELECT ghostwatch.declare_invariant('onboarding', 'greeting', 'public.greeting', 'account_id')"
    )
    outbox.database.execute("CALL ghostwatch.run_checks()")
    outbox.database.execute(
        "UPDATE ghostwatch.check_progress SET last_success_at = last_success_at - interval '1 hour'"
    )
    outbox.database.execute("UPDATE ghostwatch.check_run SET finished_at = finished_at - interval '1 hour'")
    start_sidecar()
    (message,) = telegram.wait_for_messages(1)
    assert "CHECKS STOPPED" in message.text


def test_a_dry_run_prints_and_changes_nothing(outbox: Outbox, telegram: FakeTelegram, make_role: MakeRole) -> None:
    """Every message of each chat in order, events too, whatever the pace; as the sidecar's role, without a token."""
    outbox.set_pace("1 hour", 1, 1)
    outbox.add_channel()
    outbox.add_channel("closed", -1002)
    outbox.database.execute("SELECT ghostwatch.disable_channel('closed', 'for now')")
    first, second = outbox.open_alert(), outbox.open_alert("greeting")
    outbox.database.execute("SELECT ghostwatch.post_event('user_started', '1', '{}')")
    role = make_role()
    outbox.database.execute("SELECT ghostwatch.grant_sidecar(%s)", role)
    before = everything(outbox.database)

    finished = run("notify", "--dry-run", "--dsn", outbox.database.server.dsn(outbox.database.name, role))
    assert finished.returncode == 0, finished.stderr
    headings = [line for line in finished.stdout.splitlines() if line.startswith("──")]
    assert len(headings) == 3
    assert all("to admins (chat -1001)" in heading for heading in headings)
    assert f"alert {first}" in finished.stdout.split("──")[1]
    assert f"alert {second}" in finished.stdout.split("──")[2]
    assert everything(outbox.database) == before
    assert telegram.requests == []


def test_a_dry_run_shows_what_follows_from_what_it_shows(outbox: Outbox) -> None:
    """A message replies to the one before it, though that was never sent."""
    outbox.add_channel()
    alert_id = outbox.open_alert()
    outbox.database.execute(
        "SELECT ghostwatch._queue_details(c.channel_id, %s, ghostwatch._clock()) FROM ghostwatch.channel AS c",
        alert_id,
    )
    finished = run("notify", "--dry-run", "--dsn", outbox.database.dsn)
    opened, details = re.findall("── notification (.*)", finished.stdout)
    assert opened == "1 to admins (chat -1001)"
    assert details == "2 to admins (chat -1001), in reply to notification 1"


def test_a_dry_run_with_nothing_to_send_says_so(outbox: Outbox) -> None:
    finished = run("notify", "--dry-run", "--dsn", outbox.database.dsn)
    assert (finished.returncode, finished.stdout) == (0, "nothing would be sent now\n")


def everything(database: Database) -> list[tuple[object, ...]]:
    """All that a sidecar may change."""
    return [
        row
        for table in ("notification", "event", "chat", "dispatch", "channel", "sidecar")
        for row in database.rows(f"SELECT '{table}', to_jsonb(t) FROM ghostwatch.{table} AS t ORDER BY t::text")
    ]


def test_a_terminal_gets_the_messages(outbox: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar) -> None:
    """As they would appear; they count as sent."""
    outbox.add_channel()
    sidecar = start_sidecar(None, "--terminal")
    alert_id = outbox.open_alert()
    sidecar.wait_until_it_says(f"alert {alert_id}")
    assert "── message 1 to chat -1001" in sidecar.output
    assert "👻 onboarding · first_meme · ERROR" in sidecar.output
    sidecar.wait_until(lambda: outbox.states() == ["sent"])
    assert telegram.requests == []


async def test_a_terminal_lets_no_name_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever a user is called; emoji of several characters stay whole."""
    await Terminal().send(CHAT, None, Text("Anna \x1b[2J 👨\u200d👩\u200d👧"), None, html=True)
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "👨\u200d👩\u200d👧" in printed


def test_send_test_proves_token_chat_and_topic(outbox: Outbox, telegram: FakeTelegram) -> None:
    """One message, and what arrived where."""
    telegram.topics.add((CHAT, 7))
    outbox.add_channel("admins", CHAT, 7)
    finished = run("send-test", "admins", "--dsn", outbox.database.dsn, **telegram.environment)
    assert finished.returncode == 0, finished.stderr
    assert "@ghostwatch_bot" in finished.stdout
    assert f"chat {CHAT}, topic 7" in finished.stdout
    assert telegram.sent()[0].fields["message_thread_id"] == "7"
    # Without asking a database.
    finished = run("send-test", "--chat-id", "5", **telegram.environment)
    assert finished.returncode == 0
    assert telegram.sent(5)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (refusal(403, "Forbidden: bot was kicked from the group chat"), "is the bot a member"),
        (refusal(400, "Bad Request: chat not found"), "is the number right"),
        (refusal(400, "Bad Request: message thread not found"), "topic 7 of chat -1001 is gone"),
        (refusal(400, "Bad Request: upgraded", migrate_to_chat_id=-1005), "the supergroup -1005"),
        (refusal(502, "Bad Gateway"), "is the network there"),
        (refusal(400, "Bad Request: message is too long"), "Telegram refused the message"),
    ],
)
def test_send_test_explains_what_is_wrong(telegram: FakeTelegram, answer: dict[str, object], says: str) -> None:
    """In words."""
    telegram.answer_next(answer)
    finished = run("send-test", "--chat-id", str(CHAT), "--thread-id", "7", **telegram.environment)
    assert finished.returncode == 1
    assert says in finished.stderr


def test_send_test_does_not_blame_telegram_for_the_network() -> None:
    """Nobody there said anything."""
    api_url = f"http://127.0.0.1:{free_port()}"
    finished = run("send-test", "--chat-id", "5", GHOSTWATCH_TELEGRAM_TOKEN=TOKEN, GHOSTWATCH_TELEGRAM_API_URL=api_url)
    assert f"{api_url} does not answer" in finished.stderr
    assert "Telegram says" not in finished.stderr


def test_send_test_with_a_wrong_token_or_channel(outbox: Outbox, telegram: FakeTelegram) -> None:
    """Whose fault it is."""
    telegram.token = "1:other"
    finished = run("send-test", "--chat-id", "5", **telegram.environment)
    assert "ask @BotFather" in finished.stderr
    finished = run("send-test", "nobody", "--dsn", outbox.database.dsn, **telegram.environment)
    assert "there is no channel 'nobody'" in finished.stderr
    assert "SELECT ghostwatch.add_channel('nobody'" in finished.stderr
    assert "PL/pgSQL" not in finished.stderr


@pytest.mark.pg_dump
def test_the_token_appears_nowhere_but_in_the_requests(
    outbox: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar
) -> None:
    """No log line, metric, process title or row, at the most talkative level and when everything fails."""
    port = free_port()
    outbox.add_channel()
    telegram.answer_next(
        refusal(500, "Internal Server Error"), *[refusal(400, f"Bad Request: message is too long {TOKEN}")] * 2
    )
    sidecar = start_sidecar(log_level="debug", http_port=str(port), heartbeat_url="http://127.0.0.1:1/")
    outbox.open_alert()
    telegram.wait_for(lambda: outbox.states() == ["failed"])
    telegram.token = "1:revoked"
    outbox.open_alert("second")
    sidecar.wait_until_it_says("Telegram refuses it")

    secret = TOKEN.partition(":")[2]
    dump = outbox.database.server.dump(outbox.database.name)
    title = Path(f"/proc/{sidecar.process.pid}/cmdline").read_text(encoding="utf-8")
    for place in (dump, title, sidecar.output, get(port, "/metrics")[1], get(port, "/readyz")[1]):
        assert secret not in place
    assert sidecar.stop() == 0
    assert secret not in sidecar.output
