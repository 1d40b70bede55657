"""A drill, through the outbox, the sidecar as a process, and a Bot API server, to the text in the chat."""

from __future__ import annotations

import pytest

from tests.sidecar.process import Outbox, StartSidecar
from tests.support.fake_telegram import FakeTelegram, parse_html

# What a drill must leave as it found it: everything that is counted, judged or said about the application.
UNTOUCHED = (
    "account",
    "greeting",
    "ghostwatch.violation",
    "ghostwatch.branch_minute",
    "ghostwatch.check_progress",
    "ghostwatch.drift_baseline",
    "ghostwatch.drift_detector",
    "ghostwatch.drift_history",
    "ghostwatch.event",
    "ghostwatch.alert_history",
)


@pytest.fixture
def drilled(outbox: Outbox) -> Outbox:
    """An invariant, and two channels, of which one gets errors only; edits follow at once, not after a minute."""
    outbox.database.execute("SELECT ghostwatch.set_setting('update_interval', '0')")
    outbox.database.execute("SELECT ghostwatch.declare_invariant('onboarding', 'first_meme', 'greeting', 'account_id')")
    outbox.add_channel("admins", -1001)
    outbox.database.execute("SELECT ghostwatch.add_channel('on_call', -1002, min_severity => 'error')")
    return outbox


def test_the_whole_way(drilled: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar) -> None:
    """Each step arrives where an alert would, marked on its first line, and the view says how long each took."""
    database = drilled.database
    before = {table: database.value(f"SELECT count(*) FROM {table}") for table in UNTOUCHED}
    with start_sidecar() as sidecar:
        drill_id = database.value("SELECT ghostwatch.drill('onboarding', 'first_meme')")
        telegram.wait_for_messages(5)
        sidecar.wait_until(lambda: drilled.waiting() == 0)

        steps = database.rows(
            "SELECT step, channel, state, took > '0' AND took >= waited AND since_start >= took "
            "FROM ghostwatch.drill_history WHERE alert_id = %s ORDER BY at, channel",
            drill_id,
        )
        assert steps == [
            ("warning", "admins", "sent", True),
            ("error", "admins", "sent", True),
            ("error", "on_call", "sent", True),
            ("resolution", "admins", "sent", True),
            ("resolution", "on_call", "sent", True),
        ]
        assert sidecar.stop() == 0
    texts = [parse_html(message.text).splitlines() for message in telegram.sent()]
    assert {text[0] for text in texts} == {"🧪 DRILL · onboarding · first_meme"}
    assert all("nothing is wrong: somebody tests whether alerts arrive" in text for text in texts)
    assert sum(text[1].startswith("step 3 of 3") for text in texts) >= 2
    assert database.value("SELECT state FROM ghostwatch.alert WHERE alert_id = %s", drill_id) == "resolved"
    assert {table: database.value(f"SELECT count(*) FROM {table}") for table in UNTOUCHED} == before
