"""Random histories of a bot, run against the real functions and against a model of them in plain Python."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.detect.bot import (
    ERROR_AFTER,
    EXEMPT_TYPES,
    MILLISECOND,
    NOON,
    WARN_AFTER,
    WATCH_FOR,
    Bot,
    minutes,
)
from tests.support.cluster import Server
from tests.support.database import Database

LATENESS = timedelta(minutes=2)


@dataclass
class User:
    """What the model knows of a user."""

    born_at: datetime
    branch: str | None
    type: str
    served: bool = False

    @property
    def exempt(self) -> bool:
        """Put aside for the moment."""
        return self.type in EXEMPT_TYPES

    @property
    def exempt_by_branch(self) -> bool:
        """Never judged."""
        return self.branch is not None and self.branch.startswith("tapps")


@dataclass
class Violation:
    """What the model remembers of a violation."""

    born_at: datetime
    state: str
    opened: bool


class Model:
    """Detection, as a reader of the documentation would write it down."""

    def __init__(self, now: datetime) -> None:
        self.users: dict[int, User] = {}
        self.violations: dict[int, Violation] = {}
        self.judged: set[tuple[int, datetime]] = set()
        self.counts: Counter[tuple[datetime, str, bool]] = Counter()
        self.began = now - WATCH_FOR

    def run(self, now: datetime) -> None:
        """One check run."""
        for key, violation in list(self.violations.items()):
            if violation.state in ("warn", "error", "exempt"):
                self._look_again(key, violation, now)
        for key, user in self.users.items():
            due = self.began < user.born_at <= now - WARN_AFTER
            if due and (key, user.born_at) not in self.judged:
                self._judge(key, user, now)

    def _look_again(self, key: int, violation: Violation, now: datetime) -> None:
        user = self.users.get(key)
        if user is not None and (key, user.born_at) not in self.judged:
            user = None
        if user is None or user.served:
            violation.state = "recovered"
        elif now - user.born_at > WATCH_FOR:
            violation.state = "recovered" if user.exempt else "expired"
        else:
            violation.state = "exempt" if user.exempt else by_age(now - user.born_at)
            violation.opened |= not user.exempt
        if violation.state == "recovered" and not violation.opened:
            del self.violations[key]

    def _judge(self, key: int, user: User, now: datetime) -> None:
        self.judged.add((key, user.born_at))
        if user.exempt_by_branch:
            return
        if not user.exempt:
            minute = user.born_at.replace(second=0, microsecond=0)
            self.counts[minute, user.branch or "none", not user.served] += 1
        state = "exempt" if user.exempt and now - user.born_at <= WATCH_FOR else by_age(now - user.born_at)
        if not user.served and (not user.exempt or state == "exempt"):
            self.violations[key] = Violation(user.born_at, state, opened=not user.exempt)


def by_age(age: timedelta) -> str:
    """The state of somebody who lacks the row."""
    if age > WATCH_FOR:
        return "expired"
    return "error" if age > ERROR_AFTER else "warn"


class History(RuleBasedStateMachine):
    """What happens to a bot, in any order, with runs missed and runs at the same time."""

    make_bot: Callable[[], Bot]
    other_session: psycopg.Connection[Any]

    @initialize()
    def begin(self) -> None:
        self.keys = itertools.count(1)
        self.bot = self.make_bot()
        self.model = Model(self.bot.now)

    @rule(
        age=st.sampled_from([timedelta(0), timedelta(seconds=1), minutes(1), LATENESS, -minutes(1), -MILLISECOND]),
        branch=st.sampled_from([None, None, "kitchen", "tapps_1"]),
        type=st.sampled_from(["user", "user", "waitlist"]),
    )
    def sign_up(self, age: timedelta, branch: str | None, type: str) -> None:
        key = next(self.keys)
        self.bot.sign_up(key, age, branch=branch, type=type)
        self.model.users[key] = User(self.bot.now - age, branch, type)

    @rule(data=st.data())
    def sign_up_again(self, data: st.DataObject) -> None:
        """Under a key that was used before."""
        gone = sorted(set(range(1, max([0, *self.model.violations, *self.model.users]) + 1)) - set(self.model.users))
        if gone:
            key = data.draw(st.sampled_from(gone))
            self.bot.sign_up(key)
            self.model.users[key] = User(self.bot.now, None, "user")

    @rule(data=st.data())
    def get_meme(self, data: st.DataObject) -> None:
        for key in self._draw(data, lambda user: not user.served):
            self.bot.get_meme(key)
            self.model.users[key].served = True

    @rule(data=st.data())
    def lose_meme(self, data: st.DataObject) -> None:
        for key in self._draw(data, lambda user: user.served):
            self.bot.lose_meme(key)
            self.model.users[key].served = False

    @rule(data=st.data(), type=st.sampled_from(["user", "banned"]))
    def set_type(self, data: st.DataObject, type: str) -> None:
        for key in self._draw(data, lambda user: user.type != type):
            self.bot.set_type(key, type)
            self.model.users[key].type = type

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        for key in self._draw(data, lambda _: True):
            self.bot.delete(key)
            del self.model.users[key]

    @rule(
        length=st.sampled_from(
            [MILLISECOND, minutes(1), WARN_AFTER - MILLISECOND, minutes(4), ERROR_AFTER + MILLISECOND, WATCH_FOR]
        )
    )
    def pass_time(self, length: timedelta) -> None:
        self.bot.pass_time(length)

    @rule()
    def run_checks(self) -> None:
        self.bot.run()
        self.model.run(self.bot.now)

    @rule(count=st.integers(1, 5))
    def run_every_minute(self, count: int) -> None:
        for _ in range(count):
            self.pass_time(minutes(1))
            self.run_checks()

    @rule()
    def overlapping_runs(self) -> None:
        """A second run finds the invariant taken, and leaves it alone."""
        with self.other_session.transaction():
            self.other_session.execute(
                "SELECT ghostwatch._check_invariant(invariant_id, true) FROM ghostwatch.invariant"
            )
            self.bot.run()
        self.model.run(self.bot.now)

    @invariant()
    def states_agree(self) -> None:
        expected = {str(key): violation.state for key, violation in self.model.violations.items()}
        assert self.bot.states() == dict(sorted(expected.items()))

    @invariant()
    def counts_agree(self) -> None:
        rows = self.bot.database.rows("SELECT minute, branch_family, due, violations FROM ghostwatch.branch_minute")
        counts: Counter[tuple[datetime, str, bool]] = Counter()
        for minute, family, due, violations in rows:
            counts[minute, family, True] += violations
            counts[minute, family, False] += due - violations
        assert +counts == +self.model.counts

    def _draw(self, data: st.DataObject, matches: Callable[[User], bool]) -> Iterator[int]:
        """A user like that, if there is one."""
        keys = [key for key, user in self.model.users.items() if matches(user)]
        if keys:
            yield data.draw(st.sampled_from(keys))


@pytest.mark.timeout(600)
def test_any_history(server: Server, templates: dict[str, str], kind: str) -> None:
    """States and counts are what the model says, after every step."""
    with ExitStack() as stack:
        database = stack.enter_context(Database.create(server, "model", templates[kind], kind))
        bot = Bot.create(database)

        def reset_bot() -> Bot:
            """The same bot, its past forgotten."""
            database.execute("SELECT ghostwatch.drop_contract(name) FROM ghostwatch.contract")
            database.execute('TRUNCATE "user", user_tg, user_meme_reaction, ghostwatch.check_run')
            bot.now = NOON
            database.set_clock(bot.now)
            bot.declare()
            database.execute("SELECT ghostwatch.declare_branch_family('onboarding', 'kitchen', 'kitchen')")
            return bot

        class ThisHistory(History):
            """Histories of this bot."""

            make_bot = staticmethod(reset_bot)
            other_session = database.connect()

        run_state_machine_as_test(
            ThisHistory,
            settings=settings(
                max_examples=25,
                stateful_step_count=30,
                phases=(Phase.explicit, Phase.reuse, Phase.generate),
                suppress_health_check=list(HealthCheck),
            ),
        )
