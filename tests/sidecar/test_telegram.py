"""What the Bot API may answer, and what becomes of the message then."""

from __future__ import annotations

import itertools
import json
import time

import pytest

from tests.sidecar.process import Outbox, StartSidecar
from tests.support.fake_telegram import Drop, FakeTelegram, Garbage, Hang, Page, Slow, parse_html, refusal

CHAT = -1001


def test_an_incident_is_one_message_edited_in_place_and_answered_by_its_steps(
    outbox: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar
) -> None:
    """Opened: a message. Counts move: an edit. Resolved: a new message that replies to the first."""
    outbox.add_channel()
    outbox.database.execute("SELECT ghostwatch.set_setting('update_interval', '0')")
    start_sidecar()
    alert_id = outbox.open_alert()
    (opened,) = telegram.wait_for_messages(1)
    assert "14 " in opened.text
    assert f"alert {alert_id}" in opened.text

    outbox.database.execute("UPDATE ghostwatch.alert SET error_count = 20 WHERE alert_id = %s", alert_id)
    outbox.tell(alert_id, "updated")
    telegram.wait_for(lambda: len(telegram.edited()) == 1)
    assert telegram.edited()[0].message_id == opened.message_id
    assert "20 " in telegram.text_of(CHAT, opened.message_id)

    outbox.resolve(alert_id)
    _, resolved = telegram.wait_for_messages(2)
    assert "RESOLVED" in resolved.text
    assert json.loads(resolved.fields["reply_parameters"])["message_id"] == opened.message_id
    telegram.wait_for(lambda: "RESOLVED" in telegram.text_of(CHAT, opened.message_id))
    assert len(telegram.sent()) == 2


def test_values_are_escaped(outbox: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar) -> None:
    """Names and links with markup in them arrive as they were written."""
    outbox.add_channel()
    start_sidecar()
    name = "<b>Anna & \"Bob\"</b> '<no value>'"
    outbox.database.execute(
        "SELECT ghostwatch.post_event('user_started', '42', jsonb_build_object('name', %s::text, 'new', true))", name
    )
    (event,) = telegram.wait_for_messages(1)
    assert name in parse_html(event.text)
    assert event.fields["parse_mode"] == "HTML"


def test_html_that_is_refused_goes_out_as_plain_text(
    outbox: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar
) -> None:
    """The same message once more, without parse mode and markup."""
    outbox.add_channel()
    start_sidecar()
    telegram.answer_next(refusal(400, "Bad Request: can't parse entities: Unsupported start tag at byte offset 3"))
    outbox.open_alert()
    (message,) = telegram.wait_for_messages(1)
    assert "parse_mode" not in message.fields
    assert "<b>" not in message.text
    assert "onboarding · first_meme · ERROR" in message.text


def test_429_holds_the_chat_for_as_long_as_asked_and_no_other(
    outbox: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar
) -> None:
    """It does not count as an attempt."""
    outbox.add_channel("slow", CHAT)
    outbox.add_channel("other", -1002)
    start_sidecar()
    telegram.answer_next(refusal(429, "Too Many Requests: retry after 2", retry_after=2), chat_id=CHAT)
    outbox.open_alert()
    telegram.wait_for_messages(1, CHAT)
    refused, granted = (request for request in telegram.requests if request.chat_id == CHAT)
    (other,) = telegram.sent(-1002)
    assert granted.at - refused.at >= 2
    assert other.at < granted.at
    assert outbox.database.rows("SELECT DISTINCT attempts FROM ghostwatch.notification") == [(0,)]


def test_a_group_that_became_a_supergroup_is_followed(
    outbox: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar
) -> None:
    """The message goes to the new chat at once, and the channel leads there from now on."""
    outbox.add_channel()
    telegram.migrated[CHAT] = -1005
    start_sidecar()
    outbox.open_alert()
    telegram.wait_for_messages(1, -1005)
    assert outbox.database.value("SELECT chat_id FROM ghostwatch.channel") == -1005


def test_messages_from_before_a_migration_are_neither_edited_nor_answered(
    outbox: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar
) -> None:
    """A supergroup numbers them anew: the next state of an incident is a message there, edited from then on."""
    outbox.add_channel()
    outbox.add_channel("supergroup", -1005)
    outbox.database.execute("SELECT ghostwatch.set_setting('update_interval', '0')")
    start_sidecar()
    alert_id = outbox.open_alert()
    (before,), (other,) = telegram.wait_for_messages(1, CHAT), telegram.wait_for_messages(1, -1005)
    assert before.message_id == other.message_id, "the same number stands for another message"
    outbox.database.execute("SELECT ghostwatch.remove_channel('supergroup')")

    telegram.migrated[CHAT] = -1005
    outbox.tell(alert_id, "updated")
    _, anew = telegram.wait_for_messages(2, -1005)
    assert not telegram.edited(-1005)

    outbox.resolve(alert_id)
    *_, resolved = telegram.wait_for_messages(3, -1005)
    assert json.loads(resolved.fields["reply_parameters"])["message_id"] == anew.message_id
    telegram.wait_for(lambda: "RESOLVED" in telegram.text_of(-1005, anew.message_id))


@pytest.mark.parametrize(
    "answer",
    [
        refusal(403, "Forbidden: bot was kicked from the supergroup chat"),
        refusal(403, "Forbidden: bot is not a member of the channel chat"),
        refusal(400, "Bad Request: chat not found"),
        refusal(400, "Bad Request: group chat was deactivated"),
    ],
    ids=lambda answer: str(answer["description"]),
)
def test_a_chat_that_is_gone_disables_its_channel_and_loses_nothing(
    outbox: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar, answer: dict[str, object]
) -> None:
    """The notification waits until the channel is enabled again."""
    outbox.add_channel()
    telegram.gone[CHAT] = answer
    start_sidecar()
    outbox.open_alert()
    telegram.wait_for(lambda: outbox.database.value("SELECT disabled_reason FROM ghostwatch.channel") is not None)
    reason: str = outbox.database.value("SELECT disabled_reason FROM ghostwatch.channel")
    assert reason.lower() in str(answer["description"]).lower()
    assert outbox.states() == ["pending"]

    telegram.gone.clear()
    outbox.database.execute("SELECT ghostwatch.enable_channel('admins')")
    outbox.wake()
    telegram.wait_for_messages(1)


def test_a_topic(outbox: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar) -> None:
    """Messages go to it; the General topic is never named; a deleted one falls back to the chat, and says so."""
    telegram.topics.add((CHAT, 7))
    outbox.add_channel("topic", CHAT, 7)
    outbox.add_channel("general", -1002, 1)
    start_sidecar()
    outbox.open_alert()
    (in_topic,) = telegram.wait_for_messages(1, CHAT)
    assert in_topic.fields["message_thread_id"] == "7"
    (in_general,) = telegram.wait_for_messages(1, -1002)
    assert "message_thread_id" not in in_general.fields
    assert [request.ok for request in telegram.requests if request.chat_id == -1002] == [True]

    telegram.topics.clear()
    outbox.open_alert("second")
    fallen_back = telegram.wait_for_messages(2, CHAT)[-1]
    assert "message_thread_id" not in fallen_back.fields
    assert "topic 7 is gone" in fallen_back.text
    # The next one does not try in vain.
    outbox.open_alert("third")
    telegram.wait_for_messages(3, CHAT)
    assert [request.ok for request in telegram.requests if request.chat_id == CHAT] == [True, False, True, True]


def test_an_edit_without_a_change_is_a_success(
    outbox: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar
) -> None:
    """Telegram calls it a bad request."""
    outbox.add_channel()
    outbox.database.execute("SELECT ghostwatch.set_setting('update_interval', '0')")
    start_sidecar()
    alert_id = outbox.open_alert()
    telegram.wait_for_messages(1)
    outbox.tell(alert_id, "updated")
    telegram.wait_for(lambda: outbox.states() == ["sent", "sent"])
    assert "not modified" in telegram.requests[-1].answer["description"]


@pytest.mark.parametrize("said", ["message to edit not found", "message can't be edited"])
def test_an_edit_whose_target_is_gone_becomes_a_new_message(
    outbox: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar, said: str
) -> None:
    """And the next edit goes to that one."""
    outbox.add_channel()
    outbox.database.execute("SELECT ghostwatch.set_setting('update_interval', '0')")
    start_sidecar()
    alert_id = outbox.open_alert()
    telegram.wait_for_messages(1)
    telegram.answer_next(refusal(400, f"Bad Request: {said}"), method="editMessageText")
    outbox.tell(alert_id, "updated")
    _, anew = telegram.wait_for_messages(2)
    telegram.wait_for(lambda: outbox.states() == ["sent", "sent"])

    outbox.database.execute("UPDATE ghostwatch.alert SET error_count = 20 WHERE alert_id = %s", alert_id)
    outbox.tell(alert_id, "updated")
    telegram.wait_for(lambda: len(telegram.edited()) == 1)
    assert telegram.edited()[0].message_id == anew.message_id


@pytest.mark.parametrize(
    "trouble",
    [
        Drop,
        Garbage,
        Hang,
        refusal(500, "Internal Server Error"),
        refusal(502, "Bad Gateway"),
        refusal(429, "Too Many Requests"),
    ],
    ids=["connection closed", "not JSON", "time-out", "500", "502", "429 without a time"],
)
def test_whatever_may_have_been_delivered_is_tried_again(
    outbox: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar, trouble: dict[str, object]
) -> None:
    """At least once; the attempt counts, and the reason is on record."""
    outbox.add_channel()
    start_sidecar(lease="10s")
    telegram.answer_next(trouble)
    outbox.open_alert()
    telegram.wait_for(lambda: outbox.states() == ["sent"])
    assert outbox.database.value("SELECT attempts FROM ghostwatch.notification") == 1
    assert len([request for request in telegram.requests if request.method == "sendMessage"]) == 2


@pytest.mark.parametrize("said", ["Bad Request: CHAT_RESTRICTED", "Bad Request: something nobody has heard of"])
def test_an_unknown_refusal_closes_the_channel_and_its_alerts_wait(
    outbox: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar, said: str
) -> None:
    """It is the trouble of the channel, and nothing is given up; the other channels are told."""
    outbox.add_channel()
    outbox.add_channel("beside", -1002)
    telegram.gone[CHAT] = refusal(400, said)
    start_sidecar()
    outbox.open_alert()
    first, told = telegram.wait_for_messages(2, -1002)
    assert "channel admins is closed" in told.text + first.text
    assert said in told.text + first.text
    assert outbox.database.rows("SELECT name, disabled_reason FROM ghostwatch.channel ORDER BY name") == [
        ("admins", said),
        ("beside", None),
    ]
    telegram.gone.clear()
    outbox.database.execute("SELECT ghostwatch.enable_channel('admins')")
    telegram.wait_for_messages(1, CHAT)


def test_a_text_that_is_refused_is_sent_in_short_and_then_given_up(
    outbox: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar
) -> None:
    """It stays on record with what Telegram said, holds up nothing, and can be sent again."""
    outbox.add_channel()
    start_sidecar()
    telegram.answer_next(*[refusal(400, "Bad Request: message is too long")] * 3)
    outbox.open_alert()
    telegram.wait_for(lambda: outbox.states() == ["failed"])
    outbox.open_alert("second")
    (short,) = telegram.wait_for_messages(1)
    assert "parse_mode" not in short.fields
    assert "onboarding · second · ERROR" in short.text
    telegram.wait_for(lambda: outbox.states() == ["failed", "sent"])
    assert "message is too long" in outbox.database.value(
        "SELECT state_reason FROM ghostwatch.notification WHERE state = 'failed'"
    )
    assert outbox.database.value("SELECT ghostwatch.retry_failed('admins')") == 1
    telegram.wait_for(lambda: outbox.states() == ["sent", "sent"])
    assert outbox.database.value("SELECT ghostwatch.retry_failed()") == 0


@pytest.mark.parametrize("status", [200, 301, 400, 403, 404, 409, 429, 502])
def test_only_the_bot_apis_own_json_is_a_verdict(
    outbox: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar, status: int
) -> None:
    """What a proxy says with a page of its own closes no channel, stops no token and gives up nothing."""
    outbox.add_channel()
    sidecar = start_sidecar()
    telegram.answer_next(Page(status), Page(status, '{"ok": "certainly", "error_code": 403}'), method="sendMessage")
    outbox.open_alert()
    # A page that says "done" may hide a message that was sent, so there is one more copy and no third.
    telegram.wait_for(lambda: outbox.states() == (["failed"] if status == 200 else ["sent"]))
    assert outbox.database.value("SELECT disabled_at FROM ghostwatch.channel") is None
    assert "the bot token" not in sidecar.output


def test_a_hang_after_acceptance_makes_two_copies_at_most(
    outbox: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar
) -> None:
    """The second is given up: the doctor says so, and a person can send it again."""
    outbox.add_channel()
    start_sidecar(lease="10s")
    telegram.answer_next(Drop, Drop, Drop, Drop)
    outbox.open_alert()
    telegram.wait_for(lambda: outbox.states() == ["failed"])
    assert len([request for request in telegram.requests if request.method == "sendMessage"]) == 2
    assert "it may have arrived" in outbox.database.value("SELECT state_reason FROM ghostwatch.notification")


def test_a_claim_is_renewed_while_its_request_is_open(
    outbox: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar
) -> None:
    """So that no other sidecar takes the message up, however many obstacles it has to get around."""
    outbox.add_channel()
    telegram.answer_next(Slow)
    sidecar = start_sidecar(lease="9s")
    outbox.open_alert()
    sidecar.wait_until(
        lambda: outbox.database.value(
            "SELECT coalesce(max(lease_until - rendered_at), '0') > '10 seconds'::interval FROM ghostwatch.notification"
        )
    )
    telegram.release()
    sidecar.wait_until(lambda: outbox.states() == ["sent"])
    assert len(telegram.sent()) == 1


def test_the_first_success_after_an_outage_makes_everything_due(
    outbox: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar
) -> None:
    """Whatever back-off each was in."""
    for number in range(6):
        outbox.add_channel(f"channel_{number}", -1001 - number)
    telegram.answer_next(*[refusal(500, "Internal Server Error")] * 6)
    start_sidecar()
    outbox.open_alert()
    telegram.wait_for(lambda: len(telegram.requests) >= 6)
    outbox.database.execute(
        "UPDATE ghostwatch.notification SET next_attempt_at = now() + '5 minutes'::interval "
        "WHERE waits_for = 'messenger'"
    )
    outbox.add_channel("another", -2000)
    outbox.wake()
    telegram.wait_for(lambda: outbox.waiting() == 0)


def test_a_limit_of_the_whole_bot_stops_everybody(
    outbox: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar
) -> None:
    """Two chats that are told to wait until the same moment."""
    for number in range(4):
        outbox.add_channel(f"channel_{number}", -1001 - number)
    outbox.set_pace(per_second=5)
    telegram.answer_next(*[refusal(429, "Too Many Requests: retry after 3", retry_after=3)] * 2)
    start_sidecar()
    outbox.open_alert()
    messages = telegram.wait_for_messages(4)
    first = min(request.at for request in telegram.requests if request.method == "sendMessage")
    # One request may have been on its way when the second answer came.
    assert sum(message.at - first < 2.9 for message in messages) <= 1
    assert outbox.database.value("SELECT held_until > '-infinity' FROM ghostwatch.dispatch")


def test_what_healed_while_telegram_was_away_is_one_message(
    outbox: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar
) -> None:
    """With its times, and nothing that is not true any more."""
    outbox.add_channel()
    start_sidecar()
    telegram.gone[CHAT] = refusal(500, "Internal Server Error")
    telegram.answer_next(Slow)
    alert_id = outbox.open_alert()
    telegram.wait_for(lambda: "sendMessage" in {request.method for request in telegram.requests})
    outbox.resolve(alert_id)
    telegram.release()
    telegram.wait_for(lambda: outbox.states()[0] == "superseded")
    telegram.gone.clear()
    (message,) = telegram.wait_for_messages(1)
    assert "RESOLVED" in message.text
    telegram.wait_for(lambda: outbox.states()[:2] == ["superseded", "sent"])
    assert len(telegram.sent()) == 1


@pytest.mark.parametrize("code", [401, 404])
def test_a_token_that_is_refused_stops_sending_and_loses_nothing(
    outbox: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar, code: int
) -> None:
    """The log, the heartbeat and readiness say so, once."""
    outbox.add_channel()
    sidecar = start_sidecar()
    telegram.answer_next(*[refusal(code, "Unauthorized" if code == 401 else "Not Found")] * 3)
    outbox.open_alert()
    sidecar.wait_until_it_says("the bot token: Telegram refuses it")
    outbox.open_alert("second")
    time.sleep(1.5)
    assert len([request for request in telegram.requests if request.method == "sendMessage"]) == 1
    assert outbox.waiting() == 2
    assert sidecar.output.count("the bot token: Telegram refuses it") == 1


def test_messages_of_one_chat_keep_the_pace_over_three_sidecars(
    outbox: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar
) -> None:
    """Two channels that are topics of one group share it."""
    telegram.topics.add((CHAT, 7))
    outbox.add_channel("one", CHAT)
    outbox.add_channel("two", CHAT, 7)
    outbox.set_pace(chat_interval="200 milliseconds")
    for _ in range(3):
        start_sidecar()
    for number in range(5):
        outbox.open_alert(f"invariant_{number}")
    times = [request.at for request in telegram.wait_for_messages(10)]
    assert min(later - earlier for earlier, later in itertools.pairwise(times)) >= 0.2


def test_events_make_no_sound_in_quiet_hours(
    outbox: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar
) -> None:
    """An error does."""
    outbox.database.execute(
        "SELECT ghostwatch.add_channel('admins', %s, quiet_from => '00:00', quiet_until => '24:00')", CHAT
    )
    start_sidecar()
    outbox.database.execute("SELECT ghostwatch.post_event('user_started', '42', '{}')")
    (event,) = telegram.wait_for_messages(1)
    assert event.fields["disable_notification"] == "true"
    outbox.open_alert()
    _, alert = telegram.wait_for_messages(2)
    assert "disable_notification" not in alert.fields
