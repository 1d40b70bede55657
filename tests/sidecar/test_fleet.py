"""One sidecar for several databases: what is wrong with one delays no other, and people see which is meant."""

from __future__ import annotations

import itertools
import json
import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.sidecar.process import Outbox, Sidecar, environment_for
from tests.sidecar.proxy import SilentProxy
from tests.sidecar.test_service import get
from tests.support.cluster import Cluster, free_port
from tests.support.database import Database
from tests.support.fake_telegram import FakeTelegram

CHAT = 1001
MakeOutbox = Callable[[], Outbox]
StartFleet = Callable[..., Sidecar]


@pytest.fixture
def make_outbox(server: Cluster, templates: dict[str, str]) -> Iterator[MakeOutbox]:
    """Makes databases, each with an outbox and a channel that leads to one and the same chat."""
    numbers = itertools.count(1)
    with ExitStack() as stack:

        def make() -> Outbox:
            name = f"fleet_{os.getpid()}_{next(numbers)}"
            database = stack.enter_context(Database.create(server, name, templates["extension"], "extension"))
            outbox = Outbox(database)
            outbox.prepare()
            outbox.add_channel("admins", CHAT)
            return outbox

        yield make


@pytest.fixture
def start_fleet(telegram: FakeTelegram, tmp_path: Path) -> Iterator[StartFleet]:
    """Starts a sidecar for the databases of a file."""
    with ExitStack() as stack:

        def start(*lines: str, **settings: str) -> Sidecar:
            write(tmp_path, *lines)
            environment = environment_for(telegram, dsn="", dsn_file=str(tmp_path / "fleet"), **settings)
            sidecar = Sidecar("", tmp_path / "log", environment)
            stack.enter_context(sidecar)
            sidecar.wait_until_it_says("delivering", len(lines))
            return sidecar

        yield start


def write(directory: Path, *lines: str) -> None:
    """Writes the file of the fleet."""
    (directory / "fleet").write_text("\n".join(["# the fleet", *lines]), encoding="utf-8")


def line(name: str, outbox: Outbox) -> str:
    """The line of a database."""
    return f"name={name} {outbox.database.dsn}"


def test_one_bot_keeps_the_pace_of_a_chat_over_two_databases(make_outbox: MakeOutbox, tmp_path: Path) -> None:
    """A strict server has nothing to complain of, and each message says which database it is of."""
    outboxes = {"one": make_outbox(), "two": make_outbox()}
    for outbox in outboxes.values():
        outbox.set_pace("100 milliseconds")
        for number in range(8):
            outbox.open_alert(f"invariant_{number}")
    write(tmp_path, *(line(name, outbox) for name, outbox in outboxes.items()))
    # A second of this server lasts a tenth of one.
    with FakeTelegram(scale=10) as telegram:
        environment = environment_for(telegram, dsn="", dsn_file=str(tmp_path / "fleet"))
        with Sidecar("", tmp_path / "log", environment) as sidecar:
            messages = telegram.wait_for_messages(16)
            telegram.wait_for(lambda: all(outbox.waiting() == 0 for outbox in outboxes.values()))
            assert sidecar.stop() == 0
    assert [request.answer for request in telegram.requests if not request.ok] == []
    assert [sum(f"<b>[{name}]</b>" in message.text for message in messages) for name in outboxes] == [8, 8]


def test_one_that_is_down_one_that_is_frozen_and_one_that_is_slow_delay_no_other(
    make_outbox: MakeOutbox, telegram: FakeTelegram, start_fleet: StartFleet
) -> None:
    """Neither from the start nor later on, and the process says which of them is not well."""
    good, frozen, slow = make_outbox(), make_outbox(), make_outbox()
    address = conninfo_to_dict(frozen.database.dsn)
    port = free_port()
    with SilentProxy(int(address["port"] or 5432)) as proxy:
        sidecar = start_fleet(
            f"name=down host=127.0.0.1 port={free_port()} dbname=x user=x connect_timeout=2",
            f"name=frozen {make_conninfo(frozen.database.dsn, host='127.0.0.1', port=proxy.port)}",
            line("slow", slow),
            line("good", good),
            http_port=str(port),
        )
        sidecar.wait_until_it_says("[good] NOTIFY wakes")
        sidecar.wait_until_it_says("[frozen] NOTIFY wakes")
        sidecar.wait_until_it_says("[slow] NOTIFY wakes")
        proxy.refuse()
        # Whatever the sidecar asks there waits until it gives up.
        blocker = slow.database.connect(autocommit=False)
        blocker.execute("LOCK TABLE ghostwatch.dispatch")
        for number in range(3):
            begun = time.monotonic()
            good.open_alert(f"invariant_{number}")
            telegram.wait_for_messages(number + 1)
            assert time.monotonic() - begun < 1
        blocker.close()
        status, body = get(port, "/readyz")
        report = json.loads(body)
        assert status == 503
        assert "down" in report["problems"]
        assert "the database" not in report["problems"].get("good", {})
        assert report["databases"]["good"]["listening"]
        _, metrics = get(port, "/metrics")
        assert 'ghostwatch_listening{database="good"} 1.0' in metrics
        assert 'ghostwatch_database_connected{database="down"} 0.0' in metrics
        assert metrics.count("# TYPE ghostwatch_listening gauge") == 1


def test_databases_come_and_go_without_a_restart(
    make_outbox: MakeOutbox, telegram: FakeTelegram, start_fleet: StartFleet, tmp_path: Path
) -> None:
    """SIGHUP has the file read anew; a mistake in it changes nothing."""
    first, second = make_outbox(), make_outbox()
    sidecar = start_fleet(line("first", first))
    sidecar.wait_until_it_says("[first] NOTIFY wakes")

    write(tmp_path, line("first", first), line("first", second))
    sidecar.process.send_signal(signal.SIGHUP)
    sidecar.wait_until_it_says("the databases stay as they were")
    first.open_alert()
    telegram.wait_for_messages(1)

    write(tmp_path, line("first", first), line("second", second))
    sidecar.process.send_signal(signal.SIGHUP)
    sidecar.wait_until_it_says("[second] NOTIFY wakes")
    second.open_alert()
    telegram.wait_for_messages(2)
    assert sidecar.output.count("[first] NOTIFY wakes") == 1

    write(tmp_path, line("second", second))
    sidecar.process.send_signal(signal.SIGHUP)
    sidecar.wait_until(lambda: first.database.rows("SELECT worker FROM ghostwatch.sidecar") == [])
    first.open_alert("later")
    second.open_alert("later")
    telegram.wait_for_messages(3)
    assert first.states() == ["sent", "pending"]
    assert sidecar.stop() == 0


def test_a_button_reaches_the_database_of_its_alert(
    make_outbox: MakeOutbox, telegram: FakeTelegram, start_fleet: StartFleet
) -> None:
    """Alerts of two databases may have the same number."""
    one, two = make_outbox(), make_outbox()
    for outbox in (one, two):
        outbox.database.execute("SELECT ghostwatch.add_channel('admins', %s, button_user_ids => '{11}')", CHAT)
    start_fleet(line("one", one), line("two", two), telegram_buttons="1")
    assert one.open_alert() == two.open_alert()
    messages = telegram.wait_for_messages(2)
    message = next(message for message in messages if "[two]" in message.text)
    keyboard = json.loads(message.fields["reply_markup"])["inline_keyboard"]
    data = keyboard[0][0]["callback_data"]
    assert data.startswith("acknowledge:")
    assert len(data) <= 64
    telegram.press(CHAT, message.message_id, 11, "anna", data)
    telegram.wait_for(lambda: len(telegram.answers()) == 1)
    acknowledged = "SELECT acknowledged_by FROM ghostwatch.alert"
    assert (one.database.value(acknowledged), two.database.value(acknowledged)) == (None, "@anna")


def test_the_page_shows_the_fleet_first(
    make_outbox: MakeOutbox, telegram: FakeTelegram, start_fleet: StartFleet
) -> None:
    """Then one database, to which the links in its messages lead. Nothing of it is shown without the token."""
    one, two = make_outbox(), make_outbox()
    port, token = free_port(), "a-token-of-the-page"
    start_fleet(
        line("one", one),
        line("two&words", two),
        f"name=away host=127.0.0.1 port={free_port()} dbname=x user=x connect_timeout=2",
        http_port=str(port),
        page_token=token,
        public_url="https://watch.example",
    )

    def page(path: str, token: str = token) -> tuple[int, str]:
        asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {token}"})
        try:
            with urllib.request.urlopen(asked, timeout=10) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    status, text = page("/")
    assert status == 200
    assert [text.count(f'href="/database/{name}/"') for name in ("one", "two%26words", "away")] == [1, 1, 1]
    assert "Nothing is known" in text
    alert_id = one.open_alert()
    (message,) = telegram.wait_for_messages(1)
    assert f"https://watch.example/database/one/alert/{alert_id}" in message.text
    status, text = page(f"/database/one/alert/{alert_id}")
    assert status == 200
    assert 'href="/database/one/alerts"' in text
    assert 'data-base="/database/one"' in text
    assert page(f"/database/two%26words/alert/{alert_id}")[0] == 404
    assert page("/database/one/api/status.json")[0] == 200
    assert {database["name"] for database in json.loads(page("/api/status.json")[1])["databases"]} == {
        "one",
        "two&words",
        "away",
    }
    assert page("/database/nowhere/")[0] == 404
    for path in ("/", "/api/status.json", "/database/one/", "/database/nowhere/"):
        assert page(path, "wrong")[0] == 401
