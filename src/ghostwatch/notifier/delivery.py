"""The drain loop: claim, render, send, report. Woken by NOTIFY, a timer or the end of a message."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from ghostwatch.notifier import queries
from ghostwatch.notifier.database import Backoff, Condition, Database, DatabaseUnavailable
from ghostwatch.notifier.messages import Renderer, Text
from ghostwatch.notifier.metrics import Metrics
from ghostwatch.notifier.telegram import (
    ChatGone,
    EditTargetGone,
    Migrated,
    NotParsed,
    TelegramProblem,
    TokenRefused,
    TooFast,
    TopicGone,
    Unreachable,
)
from ghostwatch.settings import Settings

MOST_IN_FLIGHT = 30
SHORTEST_REST = 0.2
TOKEN_PAUSE = 30.0

log = logging.getLogger(__name__)


class Messenger(Protocol):
    """What can send and edit messages: Telegram, or a terminal. buttons_for: the alert to put buttons under."""

    async def who_am_i(self) -> str:
        """The bot's name; raises TokenRefused."""

    async def send(
        self,
        chat_id: int,
        thread_id: int | None,
        text: Text,
        reply_to: int | None,
        *,
        html: bool,
        buttons_for: int | None = None,
    ) -> int:
        """Sends a message and returns its number."""

    async def edit(
        self, chat_id: int, message_id: int, text: Text, *, html: bool, buttons_for: int | None = None
    ) -> None:
        """Puts a new text into a message."""

    async def close(self) -> None:
        """Lets go of connections."""


@dataclass(frozen=True)
class Attempt:
    """How a notification is sent; each thing that Telegram complains of changes one part of it, once."""

    chat_id: int
    thread_id: int | None
    edit: int | None
    reply_to: int | None
    text: Text
    buttons_for: int | None
    html: bool = True


class Delivery:
    """Delivers what the outbox holds until it is stopped; never loses what it has claimed."""

    def __init__(
        self, settings: Settings, database: Database, messenger: Messenger, renderer: Renderer, metrics: Metrics
    ) -> None:
        self._settings = settings
        self._database = database
        self._messenger = messenger
        self._renderer = renderer
        self._metrics = metrics
        self._wake = asyncio.Event()
        self._stopping = False
        self._in_flight: set[asyncio.Task[None]] = set()
        self.outbox = Condition("the database")
        self.token = Condition("the bot token")
        self.buttons = Condition("the buttons")
        self.last_turn = time.monotonic()

    def wake(self) -> None:
        """There may be something to send."""
        self._wake.set()

    def stop(self) -> None:
        """Claims nothing more; run() ends when what is being sent has been sent and reported."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """The loop."""
        backoff = Backoff()
        while not self._stopping:
            self._wake.clear()
            self.last_turn = time.monotonic()
            try:
                rest = await self._turn()
                self.outbox.well()
                backoff.succeeded()
            except DatabaseUnavailable as error:
                self.outbox.unwell(str(error))
                rest = backoff.next_pause()
            except TelegramProblem:
                # The token is still refused, or nobody is there to say.
                rest = TOKEN_PAUSE
            await self._sleep(rest)
        if self._in_flight:
            await asyncio.wait(self._in_flight)

    async def _turn(self) -> float:
        """Claims and starts what may be sent now; returns how long there is nothing more to do."""
        if self.token.problem is not None:
            await self._messenger.who_am_i()
            self.token.well()
        room = MOST_IN_FLIGHT - len(self._in_flight)
        if room == 0:
            return self._settings.poll_every
        claimed = await self._database.call(
            queries.CLAIM,
            {"worker": self._settings.worker, "max_rows": room, "lease": self._settings.lease},
        )
        for notification in claimed:
            task = asyncio.create_task(self._deliver(notification))
            self._in_flight.add(task)
            task.add_done_callback(self._landed)
        if claimed:
            # The end of each of them wakes the loop, and only then can there be more for its chat.
            return self._settings.poll_every
        (row,) = await self._database.call(queries.REST)
        rest: float | None = row["seconds"]
        if rest is None:
            return self._settings.poll_every
        return min(self._settings.poll_every, max(rest, SHORTEST_REST))

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        self._wake.set()
        if not task.cancelled() and (error := task.exception()):
            log.error("a notification was not delivered, its lease will end", exc_info=error)

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _deliver(self, notification: Mapping[str, Any]) -> None:
        """Sends one notification and reports what became of it."""
        notification_id = notification["notification_id"]
        claim = {"notification_id": notification_id, "worker": self._settings.worker}
        facts = {
            "notification": notification_id,
            "channel": notification["channel"],
            "reason": notification["reason"],
            "alert": (notification["alert"] or {}).get("alert_id"),
        }
        started = time.perf_counter()
        try:
            message_id = await self._transmit(notification)
        except TelegramProblem as problem:
            outcome, report = self._consequence(problem)
            log.log(
                logging.INFO if isinstance(problem, TooFast) else logging.WARNING,
                "notification %s to %s: %s (%s)",
                notification_id, notification["channel"], problem, outcome,
                extra={"facts": facts},
            )  # fmt: skip
            await self._report(report[0], claim | report[1])
        else:
            outcome = "sent"
            log.info(
                "notification %s to %s: sent as message %s",
                notification_id, notification["channel"], message_id,
                extra={"facts": facts},
            )  # fmt: skip
            await self._report(queries.SENT, claim | {"message_id": message_id})
        self._metrics.sent(outcome, time.perf_counter() - started)

    def _consequence(self, problem: TelegramProblem) -> tuple[str, tuple[queries.Query, dict[str, object]]]:
        """What to report of a failure: the outcome's name, and the statement with its parameters."""
        error = str(problem)
        match problem:
            case TooFast():
                return "wait", (queries.RETRY, {"error": error, "retry_after": problem.retry_after})
            case TokenRefused():
                self.token.unwell(f"Telegram refuses it ({error}); everything waits in the outbox")
                return "wait", (queries.RETRY, {"error": error, "retry_after": TOKEN_PAUSE})
            case ChatGone():
                return "channel_disabled", (queries.FAILED, {"error": error, "disable_channel": True})
            case Unreachable():
                return "retry", (queries.RETRY, {"error": error, "retry_after": None})
            case _:
                return "failed", (queries.FAILED, {"error": error, "disable_channel": False})

    async def _transmit(self, notification: Mapping[str, Any]) -> int:
        """Sends or edits, and where Telegram names an obstacle that can be got around, does it again so."""
        attempt = Attempt(
            notification["chat_id"],
            notification["thread_id"],
            notification["edit_message_id"],
            notification["reply_to_message_id"],
            self._renderer.render(notification),
            self._buttons_for(notification),
        )
        overcome: set[type[TelegramProblem]] = set()
        while True:
            try:
                if attempt.edit is None:
                    return await self._messenger.send(
                        attempt.chat_id,
                        attempt.thread_id,
                        attempt.text,
                        attempt.reply_to,
                        html=attempt.html,
                        buttons_for=attempt.buttons_for,
                    )
                await self._messenger.edit(
                    attempt.chat_id, attempt.edit, attempt.text, html=attempt.html, buttons_for=attempt.buttons_for
                )
                return attempt.edit
            except (NotParsed, EditTargetGone, TopicGone, Migrated) as problem:
                if type(problem) in overcome:
                    raise
                overcome.add(type(problem))
                log.warning("channel %s: %s", notification["channel"], problem)
                attempt = await self._around(problem, attempt, notification["channel"])

    def _buttons_for(self, notification: Mapping[str, Any]) -> int | None:
        if notification["buttons"] and self._settings.buttons and self.buttons.problem is None:
            return int(notification["alert"]["alert_id"])
        return None

    async def _around(self, problem: TelegramProblem, attempt: Attempt, channel: str) -> Attempt:
        """The attempt with the obstacle taken out of its way."""
        match problem:
            case NotParsed():
                return replace(attempt, html=False)
            case EditTargetGone():
                return replace(attempt, edit=None)
            case Migrated():
                await self._report(queries.MIGRATED, {"old_chat_id": attempt.chat_id, "new_chat_id": problem.chat_id})
                # Messages are numbered anew there.
                return replace(attempt, chat_id=problem.chat_id, edit=None, reply_to=None)
            case _:
                await self._report(queries.TOPIC_LOST, {"channel": channel, "thread_id": attempt.thread_id})
                lost = f"\n(topic {attempt.thread_id} is gone, so this comes to the main chat)"
                return replace(attempt, thread_id=None, text=Text(attempt.text.html + lost))

    async def _report(self, query: queries.Query, parameters: Mapping[str, object]) -> None:
        """Tells the database, however long that takes: what went out must be on record.

        While stopping it is tried until the lease would have ended anyway.
        """
        backoff = Backoff()
        deadline = time.monotonic() + self._settings.lease
        while True:
            try:
                await self._database.call(query, parameters)
                return
            except DatabaseUnavailable as error:
                if self._stopping and time.monotonic() > deadline:
                    raise
                self.outbox.unwell(str(error))
                await asyncio.sleep(backoff.next_pause())
