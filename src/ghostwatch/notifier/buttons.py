"""Reads which buttons are pressed under alerts, and has the database do what they say."""

from __future__ import annotations

import asyncio
import contextlib

from ghostwatch.notifier import queries
from ghostwatch.notifier.database import Backoff, Condition, Database, DatabaseUnavailable
from ghostwatch.notifier.telegram import OtherReader, Press, Telegram, TelegramProblem

LONGEST_ANSWER = 200


class Buttons:
    """A side task; whatever happens to it, alerts go on."""

    def __init__(self, telegram: Telegram, database: Database, condition: Condition) -> None:
        self._telegram = telegram
        self._database = database
        self._condition = condition

    async def run(self) -> None:
        """Reads presses until cancelled, or until it turns out that somebody else reads them."""
        offset = 0
        backoff = Backoff()
        while True:
            try:
                presses = await self._telegram.presses(offset)
                backoff.succeeded()
            except OtherReader as problem:
                self._condition.unwell(f"switched off, since somebody else reads this bot's updates ({problem})")
                # Until the next start: two readers would take each other's updates away.
                await asyncio.Event().wait()
            except TelegramProblem:
                # Messages meet the same trouble and say so.
                await asyncio.sleep(backoff.next_pause())
                continue
            for press in presses:
                offset = press.update_id + 1
                # The asker may be gone, or the question too old: what was asked for is done all the same.
                with contextlib.suppress(TelegramProblem):
                    await self._telegram.answer(press.query_id, (await self._carry_out(press))[:LONGEST_ANSWER])

    async def _carry_out(self, press: Press) -> str:
        try:
            (row,) = await self._database.call(
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
            return "The database does not answer; please try again in a minute."
        return str(row["answer"])
