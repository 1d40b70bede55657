"""The numbers of a message are of the same people."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.detect.bot import WARN_AFTER, WATCH_FOR, Bot, minutes
from tests.support.database import Database

BRANCHES = {"kitchen": "kitchen", "s_7": "s_7", None: "none"}


@pytest.fixture
def bot(database: Database) -> Bot:
    """The tables of a bot; whoever signs up before the contract is declared is found by its first run."""
    return Bot.create(database)


def declare(bot: Bot) -> None:
    """Declares the contract with one branch family of its own."""
    bot.declare()
    bot.database.execute("SELECT ghostwatch.declare_branch_family('onboarding', 'kitchen', 'kitchen')")


def branches_told(bot: Bot) -> dict[str, tuple[int, int]]:
    """Of the firing alert: per branch family how many of how many."""
    rows = bot.database.rows(
        """
        SELECT b.family, b.violations, b.due
        FROM ghostwatch.alert AS a
        CROSS JOIN jsonb_to_recordset(a.branches) AS b (family text, violations integer, due integer)
        WHERE a.state = 'firing'
        """
    )
    return {family: (violations, due) for family, violations, due in rows}


def test_a_branch_in_which_everybody_is_lost_says_so(bot: Bot) -> None:
    """Two of them are errors by now and ten warnings: twelve of twelve lack the row."""
    for key in range(12):
        bot.sign_up(key, minutes(5.5) if key < 2 else minutes(2 + key / 10), branch="kitchen")
    declare(bot)
    bot.run()
    assert bot.database.value("SELECT severity FROM ghostwatch.alert") == "error"
    assert branches_told(bot) == {"kitchen": (12, 12)}


@pytest.mark.parametrize("seed", range(12))
def test_numerator_and_denominator_are_of_the_same_people(bot: Bot, seed: int) -> None:
    """Over random populations and ages: those born since the oldest minute under watch, due, and not expired."""
    chance = random.Random(seed)
    bot.pass_time(minutes(chance.random()))
    people = {}
    for key in range(chance.randint(5, 80)):
        age = minutes(chance.choice([chance.uniform(0, 30), chance.uniform(24, 26), chance.uniform(0.5, 1.5)]))
        branch = chance.choice(list(BRANCHES))
        lost = chance.random() < {"kitchen": 0.95, "s_7": 0.3, None: 0.1}[branch]
        people[key] = (bot.now - age, BRANCHES[branch], lost)
        bot.sign_up(key, age, branch=branch)
        if not lost:
            bot.get_meme(key)

    declare(bot)
    judged_from = bot.now - WATCH_FOR
    for _ in range(4):
        bot.run()
        oldest = max(judged_from, (bot.now - WATCH_FOR).replace(second=0, microsecond=0))
        due: Counter[str] = Counter()
        lacking: Counter[str] = Counter()
        for born_at, family, lost in people.values():
            if oldest < born_at <= bot.now - WARN_AFTER and not (lost and bot.now - born_at > WATCH_FOR):
                due[family] += 1
                lacking[family] += lost
        told = branches_told(bot)
        if sum(lacking.values()):
            assert told == {family: (lacking[family], count) for family, count in due.items()}
        bot.pass_time(minutes(chance.uniform(0.2, 3)))
