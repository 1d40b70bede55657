"""Buttons under firing alerts: who may press them, what they do, and that alerts go on without them."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.sidecar.process import Outbox, StartSidecar
from tests.support.fake_telegram import FakeTelegram, Request, refusal

CHAT = -1001
ANNA, STRANGER = 11, 12


@pytest.fixture
def with_buttons(outbox: Outbox) -> Outbox:
    """An outbox whose channel lets Anna press."""
    outbox.database.execute("SELECT ghostwatch.set_setting('update_interval', '0')")
    outbox.database.execute("SELECT ghostwatch.add_channel('admins', %s, button_user_ids => ARRAY[%s])", CHAT, ANNA)
    return outbox


def buttons_of(request: Request) -> list[str]:
    """What the buttons under a message send."""
    markup = json.loads(request.fields.get("reply_markup", "{}"))
    return [button["callback_data"] for row in markup.get("inline_keyboard", []) for button in row]


def test_acknowledge(with_buttons: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar) -> None:
    """Whoever presses first has it; the message shows who; the buttons go when it is resolved."""
    start_sidecar(telegram_buttons="1")
    alert_id = with_buttons.open_alert()
    (message,) = telegram.wait_for_messages(1)
    assert buttons_of(message) == [f"acknowledge:{alert_id}", f"silence:{alert_id}", f"details:{alert_id}"]
    assert all(len(data.encode()) <= 64 for data in buttons_of(message))

    telegram.press(CHAT, message.message_id, ANNA, "anna", f"acknowledge:{alert_id}")
    telegram.wait_for(lambda: "acknowledged by @anna" in telegram.text_of(CHAT, message.message_id))
    telegram.press(CHAT, message.message_id, ANNA, "anna", f"acknowledge:{alert_id}")
    telegram.wait_for(lambda: len(telegram.answers()) == 2)
    assert telegram.answers() == [
        "Acknowledged: this alert is not repeated any more.",
        "@anna has acknowledged it already.",
    ]
    assert buttons_of(telegram.edited()[-1]) != []

    # A reply is not edited when the alert is over, so it has no buttons that would stay.
    with_buttons.tell(alert_id, "escalated")
    _, reply = telegram.wait_for_messages(2)
    assert buttons_of(reply) == []

    with_buttons.resolve(alert_id)
    telegram.wait_for(lambda: "RESOLVED" in telegram.text_of(CHAT, message.message_id))
    assert buttons_of(telegram.edited()[-1]) == []
    telegram.press(CHAT, message.message_id, ANNA, "anna", f"silence:{alert_id}")
    telegram.wait_for(lambda: len(telegram.answers()) == 3)
    assert telegram.answers()[-1] == f"Alert {alert_id} is resolved already."


def test_silence_and_details(
    with_buttons: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar, make_role: Callable[[], str]
) -> None:
    """Through the same functions as by hand, though the sidecar's role may do nothing but deliver."""
    role = make_role()
    with_buttons.database.execute("SELECT ghostwatch.grant_sidecar(%s)", role)
    start_sidecar(with_buttons.database.server.dsn(with_buttons.database.name, role), telegram_buttons="1")
    alert_id = with_buttons.open_alert()
    (message,) = telegram.wait_for_messages(1)
    telegram.press(CHAT, message.message_id, ANNA, "anna", f"silence:{alert_id}")
    telegram.wait_for(lambda: "by @anna" in telegram.text_of(CHAT, message.message_id))
    assert with_buttons.database.value("SELECT created_by FROM ghostwatch.silence") == "@anna"

    telegram.press(CHAT, message.message_id, ANNA, "anna", f"details:{alert_id}")
    _, details = telegram.wait_for_messages(2)
    assert "kitchen: 12 of 12" in details.text
    assert json.loads(details.fields["reply_parameters"])["message_id"] == message.message_id


@pytest.mark.parametrize("data", ["acknowledge:{alert}", "acknowledge:999999", "nonsense", "acknowledge:x"])
def test_others_are_refused_politely_and_recorded(
    with_buttons: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar, data: str
) -> None:
    """Those who are not on the channel's list, and data that no button of ours sent."""
    start_sidecar(telegram_buttons="1")
    alert_id = with_buttons.open_alert()
    telegram.wait_for_messages(1)
    who = STRANGER if "{alert}" in data else ANNA
    telegram.press(CHAT, 1, who, "somebody", data.format(alert=alert_id))
    telegram.wait_for(lambda: len(telegram.answers()) == 1)
    assert telegram.answers()[0].startswith("Sorry")
    assert with_buttons.database.rows("SELECT user_id, user_name, allowed FROM ghostwatch.button_press") == [
        (who, "@somebody", False)
    ]
    assert with_buttons.database.value("SELECT acknowledged_by FROM ghostwatch.alert") is None


def test_buttons_are_off_unless_asked_for_and_only_where_somebody_may_press(
    with_buttons: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar
) -> None:
    """No setting, no reading of updates; no list, no buttons."""
    sidecar = start_sidecar()
    with_buttons.open_alert()
    (message,) = telegram.wait_for_messages(1)
    assert buttons_of(message) == []
    assert sidecar.stop() == 0
    assert "getUpdates" not in {request.method for request in telegram.requests}

    with_buttons.add_channel("others", -1002)
    start_sidecar(telegram_buttons="1")
    with_buttons.open_alert("second")
    _, with_list = telegram.wait_for_messages(2, CHAT)
    assert buttons_of(with_list) != []
    # A new channel is also told what fires already.
    assert [buttons_of(message) for message in telegram.wait_for_messages(2, -1002)] == [[], []]


def test_buttons_switch_themselves_off_where_somebody_else_reads_the_updates(
    with_buttons: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar
) -> None:
    """With a clear line in log and doctor; alerts go on."""
    telegram.answer_next(
        refusal(409, "Conflict: can't use getUpdates method while webhook is active"), method="getUpdates"
    )
    sidecar = start_sidecar(telegram_buttons="1")
    sidecar.wait_until_it_says("the buttons: switched off, since another program reads this bot's updates")
    with_buttons.open_alert()
    (message,) = telegram.wait_for_messages(1)
    assert buttons_of(message) == []
    sidecar.wait_until(
        lambda: "the buttons" in (with_buttons.database.value("SELECT problem FROM ghostwatch.sidecar") or ""),
        seconds=25,
    )
