"""ghost_summary answers what a count over the application's own tables gives, exactly."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.detect.bot import ERROR_AFTER, EXEMPT_TYPES, MILLISECOND, NOON, WARN_AFTER, WATCH_FOR, Bot, minutes


@pytest.mark.both_kinds
def test_one_of_each(bot: Bot) -> None:
    """A warn-aged, an error-aged, a served and an exempt user give 1, 1, 0, 0."""
    bot.sign_up(1, minutes(3))
    bot.sign_up(2, minutes(10))
    bot.sign_up(3, minutes(10))
    bot.get_meme(3)
    bot.sign_up(4, minutes(10), type="banned")

    warn_count, error_count, total, sample_keys, _ = bot.summary()

    assert (warn_count, error_count, total, sample_keys) == (1, 1, 2, ["2", "1"])


def test_summary_writes_nothing(bot: Bot) -> None:
    """It may be asked on a standby."""
    bot.sign_up(1, minutes(3))
    with bot.database.connection.transaction():
        bot.database.execute("SET TRANSACTION READ ONLY")
        assert bot.summary()[2] == 1


def test_families_largest_first(bot: Bot) -> None:
    """Branches are told by family, the largest first."""
    bot.database.execute("SELECT ghostwatch.declare_branch_family('onboarding', 's\\_%%', 's_*')")
    bot.database.execute("SELECT ghostwatch.declare_branch_family('onboarding', 's\\_kitchen%%', 'kitchen')")
    for key, branch in enumerate(["s_1", "s_2", "s_kitchen_3", None, "s_3", "elsewhere", "elsewhere"]):
        bot.sign_up(key, minutes(2), branch=branch)

    assert bot.summary()[4] == [
        {"family": "s_*", "violations": 3},
        {"family": "other", "violations": 2},
        {"family": "kitchen", "violations": 1},
        {"family": "none", "violations": 1},
    ]


@dataclass(frozen=True)
class User:
    """What decides about one user."""

    age: timedelta
    branch: str | None
    type: str
    served: bool

    @property
    def is_ghost(self) -> bool:
        """Whether the contract is broken for this user, were it due."""
        exempt = self.branch is not None and (self.branch == "likefollowbot" or self.branch.startswith("tapps"))
        return not self.served and self.type not in EXEMPT_TYPES and not exempt


BOUNDARIES = [
    boundary + offset * MILLISECOND
    for boundary in (timedelta(0), WARN_AFTER, ERROR_AFTER, WATCH_FOR)
    for offset in (-1, 0, 1)
]
users = st.builds(
    User,
    age=st.one_of(st.sampled_from(BOUNDARIES), st.timedeltas(minutes(-3), minutes(30))),
    branch=st.sampled_from([None, "kitchen", "s_1", "likefollowbot", "likefollowbot2", "tapps", "tapps_1", "Tapps"]),
    type=st.sampled_from(["user", "user", "user", *EXEMPT_TYPES]),
    served=st.sampled_from([False, False, True]),
)


def expected_summary(population: list[User]) -> tuple[int, int, int, list[str], dict[str, int]]:
    """What ghost_summary must answer, in plain Python."""
    ghosts = [(user, key) for key, user in enumerate(population) if user.is_ghost]
    warn = [ghost for ghost in ghosts if WARN_AFTER <= ghost[0].age <= ERROR_AFTER]
    error = [ghost for ghost in ghosts if ERROR_AFTER < ghost[0].age <= WATCH_FOR]
    oldest = sorted(warn + error, key=lambda ghost: (-ghost[0].age, str(ghost[1])))
    families = Counter("none" if user.branch is None else "other" for user, _ in warn + error)
    return len(warn), len(error), len(oldest), [str(key) for _, key in oldest[:5]], dict(families)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(population=st.lists(users, max_size=40))
def test_summary_is_what_the_model_says(bot: Bot, population: list[User]) -> None:
    """Over random populations, boundary ages to the millisecond among them."""
    bot.database.execute('TRUNCATE "user", user_tg, user_meme_reaction')
    with bot.database.connection.cursor() as cursor:
        cursor.executemany(
            'INSERT INTO "user" (id, type, created_at) VALUES (%s, %s, %s)',
            [(key, user.type, NOON - user.age) for key, user in enumerate(population)],
        )
        cursor.executemany("INSERT INTO user_tg VALUES (%s, %s)", [(k, u.branch) for k, u in enumerate(population)])
        cursor.executemany(
            "INSERT INTO user_meme_reaction VALUES (%s, 1)", [(k,) for k, u in enumerate(population) if u.served]
        )

    warn_count, error_count, total, sample_keys, branches = bot.summary()

    families = {branch["family"]: branch["violations"] for branch in branches}
    assert (warn_count, error_count, total, sample_keys, families) == expected_summary(population)
