"""Reads which buttons are pressed under alerts, and has the database do what they say."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence

from ghostwatch.notifier import queries
from ghostwatch.notifier.database import DatabaseUnavailable
from ghostwatch.notifier.health_signal import Backoff
from ghostwatch.notifier.instance import Instance
from ghostwatch.notifier.messenger import MessengerProblem, OtherReader, WebhookActive
from ghostwatch.notifier.telegram import Press, Telegram, press_of

LONGEST_ANSWER = 200
NO_ANSWER = "The database does not answer; please try again in a minute."
# The leader asks again for its lease this often, and the others whether they may have it.
LEAD_EVERY = 10.0
LEAD_LEASE = 45.0
# The last request of a leader that is gone may last as long as a long poll.
TAKEOVER = 40.0
# Where another program reads the updates all the time, one try a minute is enough.
OTHER_READER_PAUSE = 60.0


class Buttons:
    """A side task; whatever happens to it, alerts go on. Of all sidecars one reads, and the others stand by.

    A bot has one stream of updates, whatever database its alerts are of.
    """

    def __init__(self, telegram: Telegram, instances: Callable[[], Sequence[Instance]]) -> None:
        self._telegram = telegram
        self._instances = instances
        self._offset = 0

    async def run(self) -> None:
        """Reads presses while this sidecar leads, and waits while another one does."""
        backoff = Backoff()
        led_since: float | None = None
        asked_at = 0.0
        while True:
            if time.monotonic() - asked_at > LEAD_EVERY:
                if not await self._leads():
                    led_since = None
                    await asyncio.sleep(LEAD_EVERY)
                    continue
                asked_at = time.monotonic()
                led_since = led_since or asked_at
            try:
                updates = await self._telegram.updates(self._offset)
            except OtherReader as problem:
                if not isinstance(problem, WebhookActive) and time.monotonic() - (led_since or 0.0) < TAKEOVER:
                    await asyncio.sleep(backoff.next_pause())
                    continue
                self._unwell(f"switched off, since another program reads this bot's updates ({problem})")
                await asyncio.sleep(OTHER_READER_PAUSE)
            except MessengerProblem:
                # Messages meet the same trouble and say so.
                await asyncio.sleep(backoff.next_pause())
            else:
                for instance in self._instances():
                    instance.delivery.buttons.well()
                backoff.succeeded()
                await self.handle(updates)

    async def handle(self, updates: list[object]) -> None:
        """Does what was asked for; whatever an update is like, it is not seen a second time."""
        numbers = [u["update_id"] for u in updates if isinstance(u, dict) and isinstance(u.get("update_id"), int)]
        self._offset = max([self._offset, *(number + 1 for number in numbers if 0 <= number < 2**52)])
        by_database: dict[str, list[Press]] = {}
        for press in map(press_of, updates):
            if press is not None:
                by_database.setdefault(press.instance, []).append(press)
        await asyncio.gather(*map(self._handle_in_order, by_database.values()))

    async def _handle_in_order(self, presses: Sequence[Press]) -> None:
        for press in presses:
            # The asker may be gone, or the question too old: what was asked for is done all the same.
            with contextlib.suppress(MessengerProblem):
                await self._telegram.answer(press.query_id, (await self._carry_out(press))[:LONGEST_ANSWER])

    def _unwell(self, problem: str) -> None:
        for instance in self._instances():
            instance.delivery.buttons.unwell(problem)

    async def _leads(self) -> bool:
        """Whether each database that answers has this sidecar read.

        They are asked in order up to the first that has another one read: two sidecars never wait for each other.
        """
        answered = False
        for instance in self._instances():
            # One that does not answer must not keep the others from their buttons.
            if instance.delivery.outbox.problem is not None:
                continue
            try:
                (row,) = await instance.database.call(
                    queries.LEAD, {"worker": instance.settings.worker, "lease": LEAD_LEASE}
                )
            except DatabaseUnavailable:
                continue
            if not row["leads"]:
                return False
            answered = True
        return answered

    async def _carry_out(self, press: Press) -> str:
        instance = next((one for one in self._instances() if one.key == press.instance), None)
        if instance is None:
            return "This message is of a database that is not served here any more."
        if instance.delivery.outbox.problem is not None:
            return NO_ANSWER
        try:
            (row,) = await instance.database.call(
                queries.PRESS,
                {
                    "chat_id": press.chat_id,
                    "user_id": press.user_id,
                    "user_name": press.user_name,
                    "action": press.action,
                    "alert_id": press.alert_id,
                },
            )
        except DatabaseUnavailable:
            return NO_ANSWER
        return str(row["answer"])
