"""The pace of one bot over all databases of the process. Telegram counts by chat and by bot, and knows no database."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from ghostwatch.notifier.messenger import TooFast

# As in ghostwatch.claim_notifications(): a tenth is left for messages that overtake each other on the way.
USED_SHARE = 0.9
# Two chats that are asked to wait until the same moment have met the limit of the bot (as in ghostwatch._hold_chat()).
SAME_MOMENT = 3.0
MOST_CHATS = 1000


@dataclass(frozen=True)
class Limits:
    """What a database has been told that Telegram allows; the defaults are those of its settings."""

    messages_per_second: float = 30.0
    chat_interval: float = 1.0
    group_messages_per_minute: int = 20


@dataclass
class _Chat:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    sent: deque[float] = field(default_factory=deque)
    held_until: float = float("-inf")

    def free_at(self, limits: Limits, *, is_group: bool) -> float:
        """When the next message may go there."""
        times = [self.held_until]
        if self.sent:
            times.append(self.sent[-1] + limits.chat_interval)
        if is_group and len(self.sent) >= limits.group_messages_per_minute:
            times.append(self.sent[-limits.group_messages_per_minute] + 60.0)
        return max(times)


class Pace:
    """The gate that each message passes before it is sent: one at a time for a chat, first come, first served."""

    def __init__(
        self,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._now = now
        self._sleep = sleep
        self._chats: OrderedDict[int, _Chat] = OrderedDict()
        self._next_at = float("-inf")
        self._held_until = float("-inf")

    @contextlib.asynccontextmanager
    async def turn(self, chat_id: int, limits: Limits) -> AsyncIterator[None]:
        """Waits for the turn of a message, which is sent inside. Raises TooFast while Telegram wants nothing there."""
        chat = self._chat(chat_id)
        async with chat.lock:
            await self._wait(chat, limits, is_group=chat_id < 0)
            try:
                yield
            except TooFast as problem:
                self._hold(chat, problem.retry_after)
                raise
            finally:
                # From the answer on: however long the request took, the next one comes later by the whole interval.
                chat.sent.append(self._now())
                while chat.sent[0] < self._now() - 60.0:
                    chat.sent.popleft()

    def hold_all(self, seconds: float) -> None:
        """Telegram asked the bot itself to wait."""
        self._held_until = max(self._held_until, self._now() + seconds)

    async def _wait(self, chat: _Chat, limits: Limits, *, is_group: bool) -> None:
        self._refuse_held(chat)
        await self._sleep_until(chat.free_at(limits, is_group=is_group))
        self._refuse_held(chat)
        slot = max(self._next_at, self._now())
        self._next_at = slot + 1 / max(limits.messages_per_second * USED_SHARE, 1)
        await self._sleep_until(slot)
        self._refuse_held(chat)

    async def _sleep_until(self, moment: float) -> None:
        while (rest := moment - self._now()) > 0:
            await self._sleep(rest)

    def _refuse_held(self, chat: _Chat) -> None:
        if (rest := max(chat.held_until, self._held_until) - self._now()) > 0:
            raise TooFast(rest)

    def _hold(self, chat: _Chat, seconds: float) -> None:
        now = self._now()
        until = now + seconds
        others = [other.held_until for other in self._chats.values() if other is not chat and other.held_until > now]
        chat.held_until = max(chat.held_until, until)
        if any(abs(other - until) <= SAME_MOMENT for other in others):
            self.hold_all(seconds)

    def _chat(self, chat_id: int) -> _Chat:
        chat = self._chats.setdefault(chat_id, _Chat())
        self._chats.move_to_end(chat_id)
        if len(self._chats) > MOST_CHATS:
            ended = self._now() - 60.0
            for number, known in list(self._chats.items())[:-1]:
                if not known.lock.locked() and known.held_until < ended and (not known.sent or known.sent[-1] < ended):
                    del self._chats[number]
        return chat
