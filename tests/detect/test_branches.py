"""Branches that no pattern groups: named while they are few, and "other" beyond."""

from __future__ import annotations

import pytest

from tests.detect.bot import NOON, Bot, minutes


def families(bot: Bot) -> dict[str, int]:
    """How many subjects were counted in each family."""
    return dict(
        bot.database.rows("SELECT branch_family, sum(due)::integer FROM ghostwatch.branch_minute GROUP BY 1 ORDER BY 1")
    )


@pytest.mark.both_kinds
@pytest.mark.parametrize("capture", [False, True])
def test_few_are_shown_as_they_are(bot: Bot, capture: bool) -> None:
    """A pattern goes before, and what cannot be shown stays other."""
    bot.declare_contract(capture=capture)
    bot.database.execute("SELECT ghostwatch.declare_branch_family('onboarding', 's\\_%%', 's_*')")
    for key, branch in enumerate(["kitchen", "wrapped", "kitchen", "s_1", None, "x" * 100, "a\nb"], start=1):
        bot.sign_up(key, branch=branch)
    bot.get_meme(3)
    bot.pass_time(minutes(2))
    bot.run()
    assert families(bot) == {"kitchen": 2, "none": 1, "other": 2, "s_*": 1, "wrapped": 1}
    assert {"family": "wrapped", "violations": 1} in bot.summary()[4]
    assert {"family": "kitchen", "violations": 1} in bot.summary()[4]
    bot.database.execute("SELECT ghostwatch.silence('onboarding', branch => 'wrapped')")


def test_beyond_thirty_there_is_only_other(bot: Bot) -> None:
    """Those that were named stay so."""
    for batch in (range(20), range(20, 50)):
        for key in batch:
            bot.sign_up(key, minutes(0.5) - minutes(key / 1000), branch=f"link {key}")
        bot.pass_time(minutes(2))
        bot.run()
    counted = families(bot)
    assert len(counted) == 31
    assert counted.pop("other") == 20
    assert set(counted) == {f"link {key}" for key in range(30)}

    bot.sign_up(100, branch="link 7")
    bot.sign_up(101, branch="link 77")
    bot.pass_time(minutes(2))
    bot.run()
    assert (families(bot)["link 7"], families(bot)["other"]) == (2, 21)


def test_another_branch_expression_begins_anew(bot: Bot) -> None:
    """What its values mean has changed."""
    bot.sign_up(1, branch="kitchen")
    bot.pass_time(minutes(2))
    bot.run()
    bot.declare_contract(branch_expression="s.type")
    bot.run()
    assert bot.database.value("SELECT branch FROM ghostwatch.branch_value") == "user"
    assert bot.now > NOON
