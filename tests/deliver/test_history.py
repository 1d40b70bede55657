"""What a chat reads of an alert is always a possible history, whatever becomes of the sidecars.

A model plays check runs, during which messages are claimed, sidecars that crash at every point, answers that are lost,
and admins who silence; after each message that arrives it asks whether somebody who reads only this chat can believe
it.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ghostwatch.notifier.messages import Renderer
from ghostwatch.notifier.messenger import Notification
from tests.support.database import Database

BEGIN = datetime(2026, 1, 1, 12, tzinfo=UTC)
STEPS = 120
LEASE = timedelta(seconds=30)
EVERYTHING, ERRORS, NIGHT = 1, 2, 3

ESCALATED = "it was a warning, now it is an error"
BACK = "it is back"
BACK_AND_OVER = "it had come back"
STILL_FIRING = "still firing after"
SILENCE_ENDED = "the silence has ended"


@dataclass
class Read:
    """One thing that a chat reads of one alert."""

    notification_id: int
    state: str
    text: str
    # Whether the database knows that it arrived.
    reported: bool = False


@dataclass
class Chat:
    """What was read there, by alert, and how its messages look by now."""

    read: dict[int, list[Read]] = field(default_factory=lambda: defaultdict(list))
    messages: dict[int, str] = field(default_factory=dict)


class Model:
    """One database, three chats and any number of sidecars."""

    def __init__(self, database: Database, seed: int) -> None:
        self.chance = random.Random(seed)
        self.database = database
        self.now = BEGIN
        self.checked_at = BEGIN
        self.database.set_clock(self.now)
        self.chats = {EVERYTHING: Chat(), ERRORS: Chat(), NIGHT: Chat()}
        self.held: list[tuple[str, Notification]] = []
        self.late: list[tuple[str, Notification, int, list[Read]]] = []
        self.log: list[str] = [f"seed {seed}"]
        self._renderer = Renderer()
        database.execute("CREATE TABLE public.account (id bigint PRIMARY KEY, created_at timestamptz NOT NULL)")
        database.execute("SELECT ghostwatch.declare_contract('bot', 'public.account')")
        database.execute("SELECT ghostwatch.declare_invariant('bot', 'itself', 'public.account', 'id')")
        for name, value in (
            ("chat_interval", "0"),
            ("messages_per_second", "1000"),
            ("update_interval", "0"),
            ("repeat_interval", "20 minutes"),
            ("reopen_within", "30 minutes"),
        ):
            database.execute("SELECT ghostwatch.set_setting(%s, %s)", name, value)
        database.execute("SELECT ghostwatch.add_channel('everything', %s)", EVERYTHING)
        database.execute("SELECT ghostwatch.add_channel('errors', %s, min_severity => 'error')", ERRORS)
        # Quiet for the second half of each even hour.
        database.execute(
            "SELECT ghostwatch.add_channel('night', %s, quiet_from => '12:30', quiet_until => '13:00')", NIGHT
        )

    # What happens to the alert

    def check(self, severity: str | None) -> None:
        """A check run that finds this; nothing wrong is over at once. It may have begun before the last claim."""
        began = self.now - timedelta(seconds=self.chance.choice((0, 0, 3, 10)))
        self.checked_at = max(self.checked_at + timedelta(milliseconds=1), began)
        self.log.append(f"check of {self.checked_at:%H:%M:%S} finds {severity}")
        self.database.execute(
            """
            SELECT ghostwatch._advance_alert(
                'violations',
                (SELECT i.invariant_id FROM ghostwatch.invariant AS i),
                ROW(
                    %s::boolean, %s::text, %s::integer, %s::integer, '{}', '[]', '{}', '0', 'threshold'
                )::ghostwatch._rule_result,
                %s::timestamptz
            )
            """,
            severity is not None,
            severity,
            self.chance.randint(1, 9) if severity == "warn" else 0,
            self.chance.randint(1, 9) if severity == "error" else 0,
            self.checked_at,
        )

    def silence(self) -> None:
        self.database.execute("SELECT ghostwatch.silence('bot', duration => '10 minutes', by => 'anna')")

    def unsilence(self) -> None:
        self.database.execute(
            "SELECT ghostwatch.unsilence(s.silence_id) FROM ghostwatch.silence AS s WHERE ends_at > ghostwatch._clock()"
        )

    # What happens to the messages

    def claim(self) -> None:
        worker = f"w{self.chance.randint(1, 3)}"
        for (row,) in self.database.rows(
            "SELECT to_jsonb(c) FROM ghostwatch.claim_notifications(%s, 10, %s) AS c", worker, LEASE
        ):
            claimed = Notification(**row | {"as_of": datetime.fromisoformat(row["as_of"])})
            self.log.append(f"{worker} claims {claimed.notification_id} {claimed.reason} for {claimed.channel}")
            self.held.append((worker, claimed))

    def end_some(self) -> None:
        """Most of what is claimed comes to its end."""
        for worker, claimed in list(self.held):
            if self.now - claimed.as_of >= LEASE:
                self.crash(worker, claimed)
            elif self.chance.random() < 0.8:
                self.end_one(worker, claimed)
            else:
                continue
            self.held.remove((worker, claimed))

    def end_one(self, worker: str, claimed: Notification) -> None:
        """Whatever may become of a claim."""
        ends: list[tuple[Callable[[str, Notification], None], int]] = [
            (self.deliver, 10),
            (self.crash, 2),
            (self.crash_after_sending, 3),
            (self.answer_lost, 3),
            (self.refuse, 2),
            (self.fail, 1),
            (self.close, 1),
        ]
        self.chance.choices([end for end, _ in ends], [weight for _, weight in ends])[0](worker, claimed)

    def deliver(self, worker: str, claimed: Notification) -> None:
        number, read = self.arrive(claimed)
        self.report_sent(worker, claimed, number, read)

    def report_sent(self, worker: str, claimed: Notification, number: int, read: list[Read]) -> None:
        if self.database.value(
            "SELECT ghostwatch.notification_sent(%s, %s, %s)", claimed.notification_id, worker, number
        ):
            for one in read:
                one.reported = True

    def crash(self, worker: str, claimed: Notification) -> None:
        self.log.append(f"{worker} crashes before it sends {claimed.notification_id}")

    def crash_after_sending(self, worker: str, claimed: Notification) -> None:
        """Or it hangs for so long that its report comes when nobody waits for it any more."""
        number, read = self.arrive(claimed)
        self.log.append(f"{worker} crashes or hangs")
        if self.chance.random() < 0.5:
            self.late.append((worker, claimed, number, read))

    def report_late(self) -> None:
        if self.late:
            worker, claimed, number, read = self.late.pop()
            self.log.append(f"{worker} reports {claimed.notification_id} late")
            self.report_sent(worker, claimed, number, read)

    def answer_lost(self, worker: str, claimed: Notification) -> None:
        if self.chance.random() < 0.5:
            self.arrive(claimed)
        self.log.append(f"the answer to {claimed.notification_id} is lost")
        self.retry(worker, claimed, unconfirmed=claimed.edit_message_id is None)

    def refuse(self, worker: str, claimed: Notification) -> None:
        self.log.append(f"{claimed.notification_id} does not get through")
        self.retry(worker, claimed, unconfirmed=False)

    def retry(self, worker: str, claimed: Notification, *, unconfirmed: bool) -> None:
        self.database.execute(
            "SELECT ghostwatch.notification_retry(%s, %s, 'no answer', NULL, 'messenger', %s)",
            claimed.notification_id, worker, unconfirmed,
        )  # fmt: skip

    def fail(self, worker: str, claimed: Notification) -> None:
        self.log.append(f"{claimed.notification_id} is given up")
        self.database.execute("SELECT ghostwatch.notification_failed(%s, %s, 'x')", claimed.notification_id, worker)

    def close(self, worker: str, claimed: Notification) -> None:
        self.log.append(f"{claimed.channel} is closed")
        self.database.execute(
            "SELECT ghostwatch.notification_failed(%s, %s, 'kicked', true)", claimed.notification_id, worker
        )

    def put_right(self) -> None:
        self.log.append("channels are enabled, what failed is sent again")
        self.database.execute("SELECT ghostwatch.enable_channel(c.name) FROM ghostwatch.channel AS c")
        self.database.execute("SELECT ghostwatch.retry_failed()")

    # What the chat reads

    def arrive(self, claimed: Notification) -> tuple[int, list[Read]]:
        chat = self.chats[claimed.chat_id]
        text = self._renderer.render(claimed).plain
        self.log.append(f"chat {claimed.channel} gets {claimed.notification_id}: {text!r}")
        if claimed.edit_message_id is not None:
            chat.messages[claimed.edit_message_id] = text
            return claimed.edit_message_id, []
        number = len(chat.messages) + 1
        chat.messages[number] = text
        if claimed.reason == "channel_closed":
            return number, []
        if claimed.reason == "digest":
            parts = [(alert["alert_id"], _state(alert)) for alert in claimed.payload["alerts"]]
        else:
            assert claimed.alert is not None
            parts = [(claimed.alert["alert_id"], _state(claimed.alert))]
        read = []
        for alert_id, state in parts:
            now = Read(claimed.notification_id, state, "digest" if claimed.reason == "digest" else text)
            self.judge(chat.read[alert_id], now)
            chat.read[alert_id].append(now)
            read.append(now)
        return number, read

    def judge(self, before: list[Read], now: Read) -> None:
        """Whether somebody who read what was before can believe what comes now."""
        is_copy = any(read.notification_id == now.notification_id for read in before)
        if now.text == "digest" or (is_copy and before[-1].notification_id == now.notification_id):
            return
        last = before[-1] if before else None
        sure = last is not None and last.reported
        if now.state == "resolved":
            self.insist(last is None or last.state != "resolved" or BACK_AND_OVER in now.text, "RESOLVED twice")
            return
        if ESCALATED in now.text:
            self.insist(last is not None and last.state == "warn", "it escalates from a warning that was not read")
        elif BACK in now.text:
            self.insist(last is not None or self.may_have_arrived(now), "what was never read is back")
        elif STILL_FIRING in now.text or SILENCE_ENDED in now.text:
            self.insist(last is not None and last.state != "resolved", "it still fires, which was not read")
        else:
            self.insist(last is None or (last.state != "resolved" and not sure), "it opens a second time")
        if last is not None and last.state == "resolved":
            self.insist(BACK in now.text, "it fires after RESOLVED")
        if last is not None and last.state == "error" and now.state == "warn":
            self.insist(BACK in now.text, "an error becomes a warning")

    def may_have_arrived(self, now: Read) -> bool:
        """Whether some earlier message was sent, and nobody knows whether it arrived."""
        return bool(
            self.database.value(
                """
                SELECT count(*) FROM ghostwatch.notification AS n
                INNER JOIN ghostwatch.notification AS this USING (alert_id, channel_id)
                WHERE this.notification_id = %s AND n.unconfirmed_at IS NOT NULL
                """,
                now.notification_id,
            )
        )

    def insist(self, condition: bool, complaint: str) -> None:
        assert condition, "\n".join([*self.log, complaint])

    # All of it

    def pass_time(self, longest: int) -> None:
        self.set_clock(self.now + timedelta(seconds=self.chance.randint(1, longest)))

    def set_clock(self, now: datetime) -> None:
        self.now = now
        self.database.execute("SELECT set_config('ghostwatch.clock', %s, false)", str(now))

    def play(self) -> None:
        """Random steps; then everything works again, and every chat knows how the alerts stand."""
        acts: list[tuple[Callable[[], None], int]] = [
            (lambda: self.check("warn"), 4),
            (lambda: self.check("error"), 4),
            (lambda: self.check(None), 4),
            (self.claim, 12),
            (self.end_some, 16),
            (self.report_late, 2),
            (self.put_right, 1),
            (self.silence, 1),
            (self.unsilence, 1),
        ]
        for _ in range(STEPS):
            self.pass_time(self.chance.choice((5, 5, 5, 5, 5, 40, 600)))
            self.chance.choices([act for act, _ in acts], [weight for _, weight in acts])[0]()
        self.unsilence()
        self.held.clear()
        self.late.clear()
        self.log.append("everything works again")
        for severity in ("error", None):
            for _ in range(3):
                self.put_right()
                self.set_clock(self.now.replace(hour=14, minute=0) + timedelta(days=1))
                self.check(severity)
                for _ in range(8):
                    self.pass_time(40)
                    self.claim()
                    while self.held:
                        self.deliver(*self.held.pop(0))
        self.judge_the_end()

    def judge_the_end(self) -> None:
        rows = self.database.rows("SELECT n.notification_id, n.reason, n.state FROM ghostwatch.notification AS n")
        self.insist(not [row for row in rows if row[2] not in ("sent", "suppressed", "superseded")], f"waits: {rows}")
        for chat in self.chats.values():
            alert_id = max(chat.read)
            self.insist(chat.read[alert_id][-1].state == "resolved", "the last alert did not end")


def _state(alert: Any) -> str:
    """What a reader takes from it: resolved, warn or error."""
    return str(alert["severity"]) if alert["state"] == "firing" else "resolved"


@pytest.mark.parametrize("seed", range(16))
def test_a_chat_reads_a_possible_history(database: Database, seed: int) -> None:
    """Random checks, crashes, lost answers, refusals, silences and quiet hours."""
    Model(database, seed).play()
