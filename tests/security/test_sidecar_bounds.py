"""What the functions of the sidecar take and keep is bounded, whoever calls them."""

from __future__ import annotations

import pytest

from tests.support.database import Database


def test_a_name_of_megabytes_is_cut_where_it_enters(database: Database) -> None:
    """Flags and numbers beside it stay what they are."""
    database.execute(
        "SELECT ghostwatch.post_event('user_started', '42', "
        "jsonb_build_object('name', repeat('x', 5000000), 'new', true, 'age', 7, 'username', 'anna'))"
    )
    payload = database.value("SELECT payload FROM ghostwatch.event")
    assert payload == {"name": "x" * 300, "new": True, "age": 7, "username": "anna"}


def test_an_error_of_megabytes_is_cut(database: Database) -> None:
    """And is one line."""
    database.execute("SELECT ghostwatch.add_channel('admins', -1)")
    database.execute("SELECT ghostwatch.post_event('user_started', '42', '{}')")
    (claim,) = database.rows("SELECT notification_id FROM ghostwatch.claim_notifications('w')")
    database.execute("SELECT ghostwatch.notification_retry(%s, 'w', repeat(E'a\\n', 100000))", *claim)
    reason: str = database.value("SELECT state_reason FROM ghostwatch.notification")
    assert len(reason) <= 200
    assert "\n" not in reason


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


def test_heartbeats_fill_no_table(database: Database) -> None:
    """However many names a role makes up, and however long."""
    for number in range(120):
        database.execute("SELECT FROM ghostwatch.sidecar_heartbeat(%s, '1', true, %s)", f"w{number}" * 50, "x" * 9999)
    assert database.value("SELECT count(*) FROM ghostwatch.sidecar") <= 100
    assert database.value("SELECT max(length(worker) + length(problem)) FROM ghostwatch.sidecar") <= 500
