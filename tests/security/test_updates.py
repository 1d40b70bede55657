"""What strangers send to the bot: no shape of an update stops the sidecar, and none is seen twice."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostwatch.notifier.telegram import Press, press_of
from tests.sidecar.conftest import outbox, start_sidecar, telegram
from tests.sidecar.process import Outbox, StartSidecar
from tests.support.fake_telegram import FakeTelegram

__all__ = ["outbox", "start_sidecar", "telegram"]

pytestmark = pytest.mark.both_kinds

CHAT, ANNA = -1001, 11
TEXT = st.text(st.characters(), max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
# Shapes that are nearly those of a button that was pressed.
QUERY = st.fixed_dictionaries(
    {},
    optional={
        "id": JSON,
        "from": JSON | st.fixed_dictionaries({"id": JSON}, optional={"username": JSON, "first_name": JSON}),
        "message": JSON | st.fixed_dictionaries({"chat": JSON | st.fixed_dictionaries({"id": JSON})}),
        "data": JSON,
    },
)
UPDATE = JSON | st.fixed_dictionaries({"update_id": JSON, "callback_query": JSON | QUERY})


@given(UPDATE)
@pytest.mark.attack(
    "updates of every shape", role="anyone who writes to the bot", result="ignored, or read as one bounded press"
)
def test_every_shape_of_an_update_is_survived(update: Any) -> None:
    """It is a press of bounded, printable parts, or nothing."""
    press = press_of(update)
    if press is not None:
        assert isinstance(press, Press)
        assert abs(press.chat_id) < 2**63
        assert 0 <= press.alert_id < 10**19
        for text in (press.user_name, press.action):
            assert len(text) <= 65
            text.encode("utf-8")
            assert "\0" not in text


@pytest.mark.attack(
    "a pending `/start` and a lone surrogate", role="anyone who writes to the bot", result="passed over once"
)
def test_a_pending_start_and_a_lone_surrogate_stop_nothing(
    outbox: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar
) -> None:
    """They come despite allowed_updates, again after every restart, until they are behind the offset."""
    outbox.database.execute("SELECT ghostwatch.add_channel('admins', %s, button_user_ids => ARRAY[%s])", CHAT, ANNA)
    start = {"message_id": 1, "date": 1, "chat": {"id": 5, "type": "private"}, "text": "/start"}
    telegram.updates.append({"update_id": 1, "message": start})
    telegram.updates.append({"update_id": 2, "callback_query": {"id": "q"}})
    telegram.updates.append(
        json.loads(
            '{"update_id": 3, "callback_query": {"id": "r", "from": {"id": 7, '
            '"first_name": "\\ud800"}, "data": "acknowledge:\\udfff"}}'
        )
    )
    sidecar = start_sidecar(telegram_buttons="1")
    alert_id = outbox.open_alert()
    (message,) = telegram.wait_for_messages(1)
    telegram.wait_for(lambda: len(telegram.answers()) == 1)
    telegram.updates[-1]["update_id"] = 3
    telegram.press(CHAT, message.message_id, ANNA, "anna", f"acknowledge:{alert_id}")
    telegram.wait_for(lambda: "Acknowledged: this alert is not repeated any more." in telegram.answers())
    assert len(telegram.answers()) == 2, "none is seen twice"
    assert sidecar.process.poll() is None
