"""Much at once, to a server that answers 429 as Telegram does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.sidecar.process import Outbox, Sidecar, environment_for
from tests.support.database import Database
from tests.support.fake_telegram import Answer, FakeTelegram, Page, refusal

CHANNELS = 20
ALERTS = 500
EVENTS = 10_000
# The server's minute lasts ten seconds, and the sidecar is told a pace that is too fast for it.
SCALE = 6
TOO_FAST = refusal(429, "Too Many Requests: retry after 1", retry_after=1)


@pytest.mark.timeout(240)
def test_ten_thousand_events_and_five_hundred_alerts(database: Database, outbox: Outbox, tmp_path: Path) -> None:
    """Everything arrives, alerts before events, oldest first, and memory stays flat."""
    outbox.set_pace(chat_interval="20 milliseconds", per_minute=1000, per_second=1000)
    for number in range(CHANNELS):
        outbox.add_channel(f"channel_{number:02}", -1000 - number)
    database.execute(
        """
        SELECT ghostwatch.declare_invariant('onboarding', format('invariant_%%s', n), 'public.greeting', 'account_id')
        FROM generate_series(1, %s) AS n
        """,
        ALERTS,
    )
    database.execute(
        """
        INSERT INTO ghostwatch.alert
            (kind, invariant_id, contract, invariant, rule, severity, opened_at, changed_at, error_count)
        SELECT 'violations', i.invariant_id, 'onboarding', i.name, i.rule, 'error', now(), now(), 1
        FROM ghostwatch.invariant AS i
        ORDER BY i.invariant_id
        """
    )
    database.execute(
        """
        SELECT ghostwatch._enqueue(a.alert_id, 'opened', now() + a.alert_id * interval '1 microsecond', c.channel_id)
        FROM ghostwatch.alert AS a
        INNER JOIN ghostwatch.channel AS c
            ON c.name = format('channel_%%s', to_char(a.alert_id %% %s, 'FM00'))
        ORDER BY a.alert_id
        """,
        CHANNELS,
    )
    database.execute(
        """
        SELECT count(ghostwatch.post_event('user_started', n::text,
            jsonb_build_object('name', 'User ' || n, 'branch', 'branch_' || n %% 5, 'new', true)))
        FROM generate_series(1, %s) AS n
        """,
        EVENTS,
    )
    with (
        FakeTelegram(scale=SCALE) as telegram,
        Sidecar(database.dsn, tmp_path / "log", environment_for(telegram)) as sidecar,
    ):
        # However slow the machine is, each chat complains at least once.
        for number in range(CHANNELS):
            telegram.answer_next(refusal(429, "Too Many Requests", retry_after=1), chat_id=-1000 - number)
        # On a machine too slow to be over the pace by itself, the server complains all the same.
        for number in range(0, CHANNELS, 4):
            too_fast = refusal(429, "Too Many Requests: retry after 1", retry_after=1)
            telegram.answer_next(too_fast, chat_id=-1000 - number)
        telegram.wait_for_messages(CHANNELS, seconds=60)
        at_first = resident_mib(sidecar)
        telegram.wait_for(lambda: outbox.waiting() == 0, seconds=120)
        assert resident_mib(sidecar) - at_first < 10
        refused = [request for request in telegram.requests if not request.ok]
        assert {request.answer["error_code"] for request in refused} == {429}

        for number in range(CHANNELS):
            texts = [request.text for request in telegram.sent(-1000 - number)]
            alerts = [int(text.rsplit("alert ", 1)[1]) for text in texts if "alert " in text]
            events = [text for text in texts if "user started" in text]
            assert alerts == [alert for alert in range(1, ALERTS + 1) if alert % CHANNELS == number]
            assert texts == [*texts[: len(alerts)], *events]
            assert len(events) <= 3
            told = [int(n.replace(",", "")) for text in events for n in re.findall(r"started: ([\d,]+)", text)]
            assert sum(told) == EVENTS


def resident_mib(sidecar: Sidecar) -> float:
    """The process's resident memory."""
    status = Path(f"/proc/{sidecar.process.pid}/status").read_text(encoding="ascii")
    match = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert match is not None
    return int(match[1]) / 1024


@pytest.mark.parametrize(("trouble", "times"), [(Page(502), 250), (TOO_FAST, 20)], ids=["away", "too fast"])
def test_two_hundred_chats_in_the_same_trouble_are_one_line(
    outbox: Outbox, telegram: FakeTelegram, tmp_path: Path, trouble: Answer, times: int
) -> None:
    """One line for each change of a state, however many chats wait and however often they are tried."""
    outbox.database.execute(
        "SELECT ghostwatch.add_channel(format('channel_%%s', n), -1000 - n) FROM generate_series(1, %s) AS n", 200
    )
    with Sidecar(outbox.database.dsn, tmp_path / "log", environment_for(telegram)) as sidecar:
        sidecar.wait_until_it_says("NOTIFY wakes")
        before = len(sidecar.output.splitlines())
        telegram.answer_next(*[trouble] * times)
        outbox.open_alert()
        telegram.wait_for(lambda: sum(r.method == "sendMessage" for r in telegram.requests) >= 200 + times, seconds=120)
        telegram.wait_for(lambda: outbox.waiting() == 0)
        lines = sidecar.output.splitlines()[before:]
    told = [line for line in lines if " sent as message " not in line]
    assert 1 <= len(told) <= 3, told
    assert len(lines) - len(told) == 200
