"""The drain loop: claim, render, send, report. Woken by NOTIFY, a timer or the end of a message."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace

from ghostwatch.notifier import queries
from ghostwatch.notifier.database import Database, DatabaseUnavailable
from ghostwatch.notifier.health_signal import Backoff, HealthSignal, RecentCauses
from ghostwatch.notifier.messages import Renderer, Text
from ghostwatch.notifier.messenger import (
    ButtonsFor,
    ChatClosed,
    EditTargetGone,
    Messenger,
    MessengerProblem,
    Migrated,
    Notification,
    NotParsed,
    Outcome,
    Refused,
    TokenRefused,
    TooFast,
    TopicGone,
    Unreachable,
)
from ghostwatch.notifier.metrics import Metrics
from ghostwatch.notifier.pace import Limits, Pace
from ghostwatch.settings import Settings

MOST_IN_FLIGHT = 30
SHORTEST_REST = 0.05
# How often a messenger is asked again that does not answer, or that refuses the token.
PROBE_PAUSE = 5.0
TOKEN_PAUSE = 30.0
# What is being sent when the sidecar is stopped has this long to end.
STOP_WITHIN = 10.0

log = logging.getLogger(__name__)


class GivenBack(Exception):
    """A claim that was not used."""


@dataclass(frozen=True)
class Attempt:
    """How a notification is sent; each thing that Telegram complains of changes one part of it, once."""

    chat_id: int
    thread_id: int | None
    edit: int | None
    reply_to: int | None
    text: Text
    buttons_for: ButtonsFor | None
    html: bool = True


class Delivery:
    """Delivers what the outbox holds until it is stopped; never loses what it has claimed."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        messenger: Messenger,
        renderer: Renderer,
        metrics: Metrics,
        pace: Pace | None = None,
    ) -> None:
        """With a pace, which several databases share, each message waits for its turn among those of all of them."""
        self._settings = settings
        self._database = database
        self._messenger = messenger
        self._renderer = renderer
        self._metrics = metrics
        self._pace = pace
        self._limits = Limits()
        self._wake = asyncio.Event()
        self._stopping = False
        # Something was not answered: before more is sent, the messenger is asked whether it is there.
        self._in_doubt = False
        self._probe_at = 0.0
        # How often Telegram said that something was too fast.
        self._waits_requested = 0
        self._in_flight: dict[asyncio.Task[None], int] = {}
        # Those of them whose turn has not come.
        self._queued: set[asyncio.Task[None]] = set()
        self._renewed_at = float("-inf")
        self._recent_causes = RecentCauses()
        self.outbox = HealthSignal("the database")
        self.token = HealthSignal("the bot token")
        self.reachable = HealthSignal("Telegram")
        self.buttons = HealthSignal("the buttons")
        self.last_turn = time.monotonic()

    def wake(self) -> None:
        """There may be something to send."""
        self._wake.set()

    def stop(self) -> None:
        """Claims nothing more; run() ends when what is being sent has been sent and reported."""
        self._stopping = True
        self._wake.set()
        for task in self._queued:
            task.cancel()

    async def run(self) -> None:
        """The loop."""
        backoff = Backoff()
        renewing = asyncio.create_task(self._renew_claims())
        try:
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
                except MessengerProblem:
                    rest = PROBE_PAUSE
                await self._sleep(rest)
            if self._in_flight:
                await asyncio.wait(self._in_flight, timeout=STOP_WITHIN)
        finally:
            for task in (renewing, *self._in_flight):
                task.cancel()

    async def probe(self) -> None:
        """Asks the messenger whether it is there and takes the token; raises what it says."""
        was_away = self.token.problem is not None or self.reachable.problem is not None
        try:
            await self._messenger.who_am_i()
        except TokenRefused as problem:
            self.token.unwell(f"Telegram refuses it ({problem}); all messages wait in the outbox")
            self.reachable.well()
            self._probe_at = time.monotonic() + TOKEN_PAUSE
            raise
        except TooFast as problem:
            # It is there, but the bot as a whole must wait.
            if self._pace is not None:
                self._pace.hold_all(problem.retry_after)
            await self._database.call(queries.HOLD, {"seconds": problem.retry_after})
        except MessengerProblem as problem:
            self._in_doubt = True
            self._probe_at = time.monotonic() + PROBE_PAUSE
            self.reachable.unwell(f"it cannot be reached ({problem}); messages wait in the outbox")
            raise
        self._in_doubt = False
        self.token.well()
        self.reachable.well()
        if was_away:
            await self._database.call(queries.MESSENGER_BACK)
            self.wake()

    async def _turn(self) -> float:
        """Claims and starts what may be sent now; returns how long there is nothing more to do."""
        if self._in_doubt or self.token.problem is not None:
            if (rest_until_probe := self._probe_at - time.monotonic()) > 0:
                return rest_until_probe
            await self.probe()
        room = MOST_IN_FLIGHT - len(self._in_flight)
        if room == 0:
            return self._settings.poll_every
        asked_at = time.monotonic()
        claimed = await self._database.call(
            queries.CLAIM,
            {"worker": self._settings.worker, "max_rows": room, "lease": self._settings.lease},
        )
        for row in claimed:
            notification = Notification(**row)
            task = asyncio.create_task(self._deliver(notification, asked_at))
            self._in_flight[task] = notification.notification_id
            task.add_done_callback(self._landed)
        if claimed:
            # The end of each of them wakes the loop, and only then can there be more for its chat.
            return self._settings.poll_every
        (row,) = await self._database.call(queries.NEXT_DUE)
        rest: float | None = row["seconds"]
        if rest is None:
            return self._settings.poll_every
        return min(self._settings.poll_every, max(rest, SHORTEST_REST))

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._in_flight.pop(task, None)
        self._wake.set()
        if not task.cancelled() and (error := task.exception()):
            log.error("a notification was not reported on; its claim ends with its lease", exc_info=error)

    async def _renew_claims(self) -> None:
        """Keeps the claims on what is still being sent, however long its answer takes."""
        while True:
            await asyncio.sleep(self._settings.lease / 3)
            if self._in_flight:
                asked_at = time.monotonic()
                try:
                    await self._database.call(
                        queries.RENEW,
                        {
                            "notification_ids": list(self._in_flight.values()),
                            "worker": self._settings.worker,
                            "lease": self._settings.lease,
                        },
                    )
                    self._renewed_at = asked_at
                except DatabaseUnavailable as error:
                    self.outbox.unwell(str(error))

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _deliver(self, notification: Notification, asked_at: float) -> None:
        """Sends one notification, unless its lease has ended by then, and reports what became of it."""
        waits_requested = self._waits_requested
        # All sidecars together keep the bot's pace, each message in its turn.
        await asyncio.sleep(notification.wait)
        started = time.perf_counter()
        try:
            async with self._turn_of(notification.chat_id):
                if time.monotonic() - max(asked_at, self._renewed_at) > self._settings.lease:
                    # The process was suspended, say: another sidecar has it by now, and what it says may be old.
                    log.warning("notification %s: its lease ended before it was sent", notification.notification_id)
                    return
                if self._waits_requested != waits_requested:
                    # What was asked of one chat may be meant for the whole bot, so the database is asked once more.
                    raise GivenBack("since Telegram asked to wait")
                outcome = Outcome("sent", message_id=await self._transmit(notification))
        except GivenBack as reason:
            outcome = Outcome("wait", f"given back, {reason}", retry_after=0.0)
        except MessengerProblem as problem:
            outcome = self._outcome_of(problem, notification)
        self._log(notification, outcome)
        await self._report(
            queries.OUTCOME[outcome.result],
            {
                "notification_id": notification.notification_id,
                "worker": self._settings.worker,
                "message_id": outcome.message_id,
                "error": outcome.error,
                "retry_after": outcome.retry_after,
                "waits_for": outcome.waits_for,
                "unconfirmed": outcome.unconfirmed,
            },
        )
        if outcome.result != "sent":
            self._wake.set()
        self._metrics.sent(outcome.result, time.perf_counter() - started)

    @contextlib.asynccontextmanager
    async def _turn_of(self, chat_id: int) -> AsyncIterator[None]:
        """The turn of a message among those of all databases; raises GivenBack if the sidecar stops before it comes."""
        if self._pace is None:
            yield
            return
        task = asyncio.current_task()
        assert task is not None
        self._queued.add(task)
        try:
            async with self._pace.turn(chat_id, self._limits):
                self._queued.discard(task)
                yield
        except asyncio.CancelledError:
            if task not in self._queued:
                raise
            task.uncancel()
            raise GivenBack("since the sidecar stops") from None
        finally:
            self._queued.discard(task)

    async def read_limits(self) -> None:
        """Learns from the database which pace it allows; needed only where the pace is shared."""
        if self._pace is not None:
            (row,) = await self._database.call(queries.PACE)
            self._limits = Limits(**row)

    def _outcome_of(self, problem: MessengerProblem, notification: Notification) -> Outcome:
        """What follows from a failure."""
        error = str(problem)
        match problem:
            case TooFast():
                self._waits_requested += 1
                return Outcome("wait", error, retry_after=problem.retry_after)
            case TokenRefused():
                self.token.unwell(f"Telegram refuses it ({error}); all messages wait in the outbox")
                self._probe_at = time.monotonic() + TOKEN_PAUSE
                return Outcome("retry", error, waits_for="token")
            case ChatClosed():
                return Outcome("channel_closed", error)
            case Unreachable():
                self._in_doubt = True
                # An edit may be carried out any number of times.
                unconfirmed = problem.unconfirmed and notification.edit_message_id is None
                return Outcome("retry", error, waits_for="messenger", unconfirmed=unconfirmed)
            case Migrated() | TopicGone() | EditTargetGone():
                # It was got around once, and came again: the chat is in motion.
                return Outcome("retry", error, waits_for="messenger")
            case _:
                return Outcome("failed", error)

    def _log(self, notification: Notification, outcome: Outcome) -> None:
        """One line for what is done or needs a person; of what is tried again, one for each cause and minute."""
        facts = {
            "notification": notification.notification_id,
            "channel": notification.channel,
            "reason": notification.reason,
            "alert": notification.alert_id,
            "outcome": outcome.result,
        }
        level = {"sent": logging.INFO, "wait": logging.DEBUG, "retry": logging.DEBUG}.get(
            outcome.result, logging.WARNING
        )
        if level == logging.DEBUG and self._recent_causes.is_news(f"{outcome.result} {outcome.error}"):
            level = logging.INFO
        sent = f"sent as message {outcome.message_id}"
        said = sent if outcome.result == "sent" else f"{outcome.result}: {outcome.error}"
        log.log(
            level,
            "notification %s to %s: %s",
            notification.notification_id, notification.channel, said,
            extra={"facts": facts},
        )  # fmt: skip

    async def _transmit(self, notification: Notification) -> int:
        """Sends or edits, and where Telegram names an obstacle that can be got around, does it again so."""
        attempt = Attempt(
            notification.chat_id,
            notification.thread_id,
            notification.edit_message_id,
            notification.reply_to_message_id,
            self._renderer.render(notification),
            self._buttons_for(notification),
        )
        overcome: set[type[MessengerProblem]] = set()
        while True:
            try:
                if attempt.edit is None:
                    return await self._messenger.send(
                        attempt.chat_id,
                        attempt.thread_id,
                        attempt.text,
                        attempt.reply_to,
                        html=attempt.html,
                        silent=notification.silent,
                        buttons_for=attempt.buttons_for,
                    )
                await self._messenger.edit(
                    attempt.chat_id, attempt.edit, attempt.text, html=attempt.html, buttons_for=attempt.buttons_for
                )
                return attempt.edit
            except (NotParsed, EditTargetGone, TopicGone, Migrated, Refused) as problem:
                if type(problem) in overcome:
                    raise
                if attempt.edit is not None and isinstance(problem, EditTargetGone) and _is_over(notification):
                    # Its end had a message of its own, and a second one would repeat it.
                    return attempt.edit
                overcome.add(type(problem))
                log.warning("channel %s: %s", notification.channel, problem)
                attempt = await self._around(problem, attempt, notification)

    def _buttons_for(self, notification: Notification) -> ButtonsFor | None:
        alert = notification.alert
        if alert is not None and notification.buttons and self._settings.buttons and self.buttons.problem is None:
            return ButtonsFor(int(alert["alert_id"]), int(alert.get("repairable") or 0))
        return None

    async def _around(self, problem: MessengerProblem, attempt: Attempt, notification: Notification) -> Attempt:
        """The attempt with the obstacle taken out of its way."""
        match problem:
            case NotParsed():
                return replace(attempt, html=False)
            case Refused():
                # Better the essentials than nothing.
                return replace(attempt, html=False, text=self._renderer.essentials(notification), buttons_for=None)
            case EditTargetGone():
                return replace(attempt, edit=None)
            case Migrated():
                await self._report(queries.MIGRATED, {"old_chat_id": attempt.chat_id, "new_chat_id": problem.chat_id})
                # Messages are numbered anew there.
                return replace(attempt, chat_id=problem.chat_id, edit=None, reply_to=None)
            case TopicGone():
                await self._report(
                    queries.TOPIC_LOST,
                    {"channel": notification.channel, "thread_id": attempt.thread_id, "state": problem.state},
                )
                return replace(
                    attempt, thread_id=None, text=attempt.text.strayed_from(attempt.thread_id, problem.state)
                )
        raise problem

    async def _report(self, query: queries.Query, parameters: Mapping[str, object]) -> None:
        """Reports to the database, however long that takes: what was sent must be on record.

        While stopping it is tried for as long as run() waits.
        """
        backoff = Backoff()
        while True:
            try:
                await self._database.call(query, parameters)
                return
            except DatabaseUnavailable as error:
                self.outbox.unwell(str(error))
                await asyncio.sleep(backoff.next_pause())


def _is_over(notification: Notification) -> bool:
    """Whether the alert is resolved."""
    return notification.alert is not None and notification.alert["state"] == "resolved"
