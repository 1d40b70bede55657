"""What the functions of the sidecar take and keep is bounded, whoever calls them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostwatch.notifier.messenger import Migrated, TooFast
from ghostwatch.notifier.telegram import _meaning_of, _verdict
from tests.support.database import Database

pytestmark = pytest.mark.both_kinds


@pytest.mark.attack("a name of megabytes in an event", role="application", result="cut")
def test_a_name_of_megabytes_is_cut_where_it_enters(database: Database) -> None:
    """Flags and numbers beside it stay what they are."""
    database.execute(
        "SELECT ghostwatch.post_event('user_started', '42', "
        "jsonb_build_object('name', repeat('x', 5000000), 'new', true, 'age', 7, 'username', 'anna'))"
    )
    payload = database.value("SELECT payload FROM ghostwatch.event")
    assert payload == {"name": "x" * 300, "new": True, "age": 7, "username": "anna"}


@pytest.mark.attack("a key of megabytes in an event", role="application", result="cut, and no signup fails")
def test_a_key_that_no_index_holds_refuses_no_signup(database: Database) -> None:
    """It is cut where it enters."""
    key = "".join(map(chr, range(0x4E00, 0x4E00 + 5000)))
    database.execute("SELECT ghostwatch.post_event('user_started', %s, '{}')", key)
    assert database.value("SELECT subject_key FROM ghostwatch.event") == key[:500]


@pytest.mark.attack("an error of megabytes", role="sidecar, Telegram", result="cut to one line")
def test_an_error_of_megabytes_is_cut(database: Database) -> None:
    """And is one line."""
    database.execute("SELECT ghostwatch.add_channel('admins', -1)")
    database.execute("SELECT ghostwatch.post_event('user_started', '42', '{}')")
    (claim,) = database.rows("SELECT notification_id FROM ghostwatch.claim_notifications('w')")
    database.execute("SELECT ghostwatch.notification_retry(%s, 'w', repeat(E'a\\n', 100000))", *claim)
    reason: str = database.value("SELECT state_reason FROM ghostwatch.notification")
    assert len(reason) <= 200
    assert "\n" not in reason


@pytest.mark.attack("`retry_after` of a year", role="sidecar, Telegram", result="an hour at most")
@pytest.mark.parametrize("asked", ["1 year", "99999 days"])
def test_no_chat_is_muted_for_longer_than_an_hour(database: Database, asked: str) -> None:
    """Then Telegram is asked again, and may say the same."""
    database.execute("SELECT ghostwatch.add_channel('admins', -1)")
    database.execute("SELECT ghostwatch.post_event('user_started', '42', '{}')")
    (claim,) = database.rows("SELECT notification_id FROM ghostwatch.claim_notifications('w')")
    database.execute("SELECT ghostwatch.notification_retry(%s, 'w', 'x', %s::interval)", *claim, asked)
    database.execute("SELECT ghostwatch.hold_all_chats(%s::interval)", asked)
    for held in (
        database.rows("SELECT held_until <= now() + '61 minutes'::interval FROM ghostwatch.chat"),
        database.rows("SELECT held_until <= now() + '61 minutes'::interval FROM ghostwatch.dispatch"),
    ):
        assert held == [(True,)]


@pytest.mark.attack("heartbeats under ever new names", role="sidecar", result="a hundred rows at most")
def test_heartbeats_fill_no_table(database: Database) -> None:
    """However many names a role makes up, and however long."""
    for number in range(120):
        database.execute("SELECT FROM ghostwatch.sidecar_heartbeat(%s, '1', true, %s)", f"w{number}" * 50, "x" * 9999)
    assert database.value("SELECT count(*) FROM ghostwatch.sidecar") <= 100
    assert database.value("SELECT max(length(worker) + length(problem)) FROM ghostwatch.sidecar") <= 500


NUMBERS = st.integers() | st.floats() | st.none() | st.booleans()


@given(code=NUMBERS, seconds=NUMBERS, chat_id=NUMBERS)
def test_no_number_of_an_answer_is_more_than_the_database_can_hold(code: Any, seconds: Any, chat_id: Any) -> None:
    """Else it could not be reported, and the notification would be sent again without end."""
    for parameters in ({"retry_after": seconds}, {"migrate_to_chat_id": chat_id}):
        answer = {"ok": False, "error_code": code, "description": "no", "parameters": parameters}
        body = json.dumps(answer).encode()
        if (verdict := _verdict(body)) is not None:
            problem = _meaning_of(verdict, "no")
            if isinstance(problem, TooFast):
                assert 0 < problem.retry_after <= 86_400
            if isinstance(problem, Migrated):
                assert 0 < abs(problem.chat_id) < 2**63


@pytest.mark.attack(
    "moving a channel to another chat", role="sidecar, Telegram", result="recorded; named by the doctor; reversible"
)
def test_a_chat_that_is_said_to_have_moved_can_be_moved_back(database: Database) -> None:
    """The doctor names both numbers and the statement, which forgets the move."""
    database.execute("SELECT ghostwatch.add_channel('admins', -1)")
    database.execute("SELECT ghostwatch.post_event('user_started', '42', '{}')")
    assert len(database.rows("SELECT FROM ghostwatch.claim_notifications('w')")) == 1
    database.execute("SELECT ghostwatch.channel_migrated(-1, -1005)")
    said = "SELECT finding, advice FROM ghostwatch.doctor() WHERE finding LIKE 'Channel admins follows chat%%'"
    [(finding, advice)] = database.rows(said)
    assert "chat -1, which Telegram says became -1005" in finding
    database.connection.execute(advice.partition(": ")[2].encode())
    assert database.value("SELECT chat_id FROM ghostwatch.channel") == -1
    assert database.rows(said) == []
