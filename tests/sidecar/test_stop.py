"""Ending within the grace period, and the work of one sidecar passing to another."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.sidecar.process import Outbox, Sidecar, StartSidecar, environment_for
from tests.sidecar.proxy import SilentProxy
from tests.support.fake_telegram import FakeTelegram, Hang

CHAT, ANNA = -1001, 11


@pytest.mark.parametrize("hangs", ["database", "telegram"])
def test_sigterm_ends_within_twenty_seconds_whatever_hangs(
    outbox: Outbox, telegram: FakeTelegram, tmp_path: Path, hangs: str
) -> None:
    """What is in flight may be told twice, which a killed process would do as well."""
    outbox.add_channel()
    with SilentProxy(int(conninfo_to_dict(outbox.database.dsn)["port"] or 5432)) as proxy:
        dsn = make_conninfo(outbox.database.dsn, host="127.0.0.1", port=proxy.port)
        with Sidecar(dsn, tmp_path / "log", environment_for(telegram)) as sidecar:
            sidecar.wait_until_it_says("NOTIFY wakes")
            telegram.answer_next(Hang)
            outbox.open_alert()
            telegram.wait_for(lambda: "sendMessage" in {request.method for request in telegram.requests})
            if hangs == "database":
                proxy.refuse()
                telegram.release()
            started = time.monotonic()
            sidecar.process.send_signal(signal.SIGTERM)
            sidecar.process.wait(20)
            assert time.monotonic() - started < 20


def test_a_half_open_idle_connection_costs_five_seconds_at_most(
    outbox: Outbox, telegram: FakeTelegram, tmp_path: Path
) -> None:
    """Neither side is told that the other is gone: both connections fall silent, new ones work."""
    outbox.add_channel()
    with SilentProxy(int(conninfo_to_dict(outbox.database.dsn)["port"] or 5432)) as proxy:
        dsn = make_conninfo(outbox.database.dsn, host="127.0.0.1", port=proxy.port)
        with Sidecar(dsn, tmp_path / "log", environment_for(telegram, poll_every="3s")) as sidecar:
            sidecar.wait_until_it_says("NOTIFY wakes")
            time.sleep(1)
            proxy.swallow()
            started = time.monotonic()
            outbox.open_alert()
            telegram.wait_for_messages(1)
            assert time.monotonic() - started < 5


def test_one_of_two_sidecars_reads_the_buttons_and_the_other_takes_over(
    outbox: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar
) -> None:
    """Both send, and both put the keyboard under a message."""
    outbox.database.execute("SELECT ghostwatch.add_channel('admins', %s, button_user_ids => ARRAY[%s])", CHAT, ANNA)
    first = start_sidecar(telegram_buttons="1", worker="one")
    first.wait_until(lambda: outbox.database.value("SELECT max(buttons_reader) FROM ghostwatch.dispatch") == "one")
    second = start_sidecar(telegram_buttons="1", worker="two")
    alert_id = outbox.open_alert()
    (message,) = telegram.wait_for_messages(1)
    assert "reply_markup" in message.fields
    assert first.stop() == 0
    telegram.press(CHAT, message.message_id, ANNA, "anna", f"acknowledge:{alert_id}")
    telegram.wait_for(lambda: len(telegram.answers()) == 1)
    assert outbox.database.value("SELECT max(buttons_reader) FROM ghostwatch.dispatch") == "two"
    assert "the buttons" not in second.output
