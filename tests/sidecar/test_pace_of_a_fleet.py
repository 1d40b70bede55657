"""One bot sends for several databases: Telegram counts its messages, whichever database they come from."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from ghostwatch.notifier.messenger import TooFast
from ghostwatch.notifier.pace import Limits, Pace

GROUP, OTHER_GROUP, PERSON = -1001, -1002, 7


class Clock:
    """Time that passes where somebody sleeps, for all who sleep at once."""

    def __init__(self) -> None:
        self.now = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    async def sleep(self, seconds: float) -> None:
        """Sleeps until run() comes to this time."""
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now + seconds, waiting))
        await waiting

    async def pass_by(self, seconds: float) -> None:
        """Sleeps where nobody else does."""
        self.now += seconds

    async def run(self, tasks: list[asyncio.Task[None]]) -> None:
        """Lets time pass until all tasks are done."""
        while not all(task.done() for task in tasks):
            for _ in range(5 * len(tasks)):
                await asyncio.sleep(0)
            if self._sleepers:
                self._sleepers.sort(key=lambda sleeper: sleeper[0])
                self.now, waiting = self._sleepers.pop(0)
                if not waiting.done():
                    waiting.set_result(None)


async def sent_at(chats: list[int], limits: Limits = Limits()) -> list[tuple[int, float]]:  # noqa: B008
    """When messages to these chats are sent that all want to go at once."""
    clock = Clock()
    pace = Pace(lambda: clock.now, clock.sleep)
    times: list[tuple[int, float]] = []

    async def send(chat_id: int) -> None:
        async with pace.turn(chat_id, limits):
            times.append((chat_id, clock.now))

    await clock.run([asyncio.create_task(send(chat_id)) for chat_id in chats])
    return times


def most_within(seconds: float, times: list[float]) -> int:
    """The largest number of times in a stretch of so many seconds."""
    return max(sum(first <= other < first + seconds for other in times) for first in times)


async def test_a_group_gets_twenty_a_minute() -> None:
    """In the order in which they came, a second apart."""
    times = [at for _, at in await sent_at([GROUP] * 50)]
    assert most_within(60, times) == 20
    assert min(later - earlier for earlier, later in itertools.pairwise(times)) >= 1
    assert times[-1] < 180


async def test_a_person_gets_one_a_second() -> None:
    """People have no limit a minute."""
    times = [at for _, at in await sent_at([PERSON] * 50)]
    assert most_within(60, times) == 50
    assert most_within(1, times) == 1


async def test_all_chats_together_get_thirty_a_second() -> None:
    """A chat that must wait for its minute keeps no other from its turn."""
    times = await sent_at([GROUP] * 25 + list(range(1, 301)))
    others = [at for chat_id, at in times if chat_id != GROUP]
    assert 27 <= most_within(1, [at for _, at in times]) <= 30
    assert max(others) < 12.5


async def test_what_telegram_asks_of_a_chat_holds_for_all_databases() -> None:
    """No request is made while it wants nothing; other chats go on."""
    clock = Clock()
    pace = Pace(lambda: clock.now, clock.pass_by)
    with pytest.raises(TooFast):
        async with pace.turn(GROUP, Limits()):
            raise TooFast(30.0)
    with pytest.raises(TooFast) as raised:
        async with pace.turn(GROUP, Limits()):
            raise AssertionError("it was not its turn")
    assert 29 < raised.value.retry_after <= 30
    async with pace.turn(PERSON, Limits()):
        pass


async def test_what_telegram_asks_of_two_chats_alike_it_asks_of_the_bot() -> None:
    """So it holds for every chat, of every database."""
    clock = Clock()
    pace = Pace(lambda: clock.now, clock.pass_by)
    for chat_id in (GROUP, OTHER_GROUP):
        with pytest.raises(TooFast):
            async with pace.turn(chat_id, Limits()):
                raise TooFast(30.0)
    with pytest.raises(TooFast):
        async with pace.turn(PERSON, Limits()):
            raise AssertionError("it was not its turn")
