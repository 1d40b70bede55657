"""The life of a violation, run after run."""

from __future__ import annotations

import pytest

from tests.detect.bot import ERROR_AFTER, MILLISECOND, WARN_AFTER, WATCH_FOR, Bot, minutes


@pytest.mark.both_kinds
def test_warn_then_error_then_expired(bot: Bot) -> None:
    """A violation opens at warn_after, escalates past error_after and expires past watch_for, to the millisecond."""
    bot.sign_up(1)
    for age, state in [
        (WARN_AFTER - MILLISECOND, None),
        (WARN_AFTER, "warn"),
        (ERROR_AFTER, "warn"),
        (ERROR_AFTER + MILLISECOND, "error"),
        (WATCH_FOR, "error"),
        (WATCH_FOR + MILLISECOND, "expired"),
    ]:
        bot.pass_time(age - (bot.now - bot.database.value('SELECT created_at FROM "user"')))
        bot.run()
        assert bot.states().get("1") == state, age


def test_without_warning_it_opens_past_error_after(bot: Bot) -> None:
    """An invariant without warn_after is due once error_after has passed."""
    bot.declare(warn_after=None)
    bot.sign_up(1)
    bot.pass_time(ERROR_AFTER)
    bot.run()
    assert bot.states() == {}

    bot.pass_time(MILLISECOND)
    bot.run()
    assert bot.states() == {"1": "error"}


def test_recovers_when_the_row_comes(bot: Bot) -> None:
    """The row came, late."""
    bot.sign_up(1, minutes(3))
    bot.run()
    bot.get_meme(1)
    bot.run()

    assert bot.states() == {"1": "recovered"}
    assert bot.close_reasons() == {"1": "row_came"}


def test_a_row_that_goes_again_stays_recovered(bot: Bot) -> None:
    """The promise was that the row comes; whoever deletes it later breaks another one."""
    bot.sign_up(1, minutes(3))
    bot.run()
    bot.get_meme(1)
    bot.run()
    bot.lose_meme(1)
    bot.run_every_minute(minutes(3))

    assert bot.states() == {"1": "recovered"}


def test_deleted_subject(bot: Bot) -> None:
    """A subject that was deleted breaks nothing any more."""
    bot.sign_up(1, minutes(3))
    bot.run()
    bot.delete(1)
    bot.run()

    assert bot.close_reasons() == {"1": "deleted"}


def test_exempt_and_back(bot: Bot) -> None:
    """A subject that turns exempt is put aside, and judged again if it stops being exempt in time."""
    bot.sign_up(1, minutes(3))
    bot.run()
    assert bot.states() == {"1": "warn"}

    bot.set_type(1, "banned")
    bot.run()
    assert bot.states() == {"1": "exempt"}

    bot.set_type(1, "user")
    bot.pass_time(minutes(3))
    bot.run()
    assert bot.states() == {"1": "error"}


def test_exempt_from_the_start_then_judged(bot: Bot) -> None:
    """Who was exempt at the deadline and no longer is, is found, though the watermark has passed."""
    bot.sign_up(1, minutes(3), type="waitlist")
    bot.run()
    bot.run_every_minute(minutes(5))
    assert bot.states() == {"1": "exempt"}

    bot.set_type(1, "user")
    bot.run()
    assert bot.states() == {"1": "error"}


def test_exempt_to_the_end(bot: Bot) -> None:
    """Who is exempt until the watch ends never was a violation."""
    bot.sign_up(1, minutes(3), type="waitlist")
    bot.run_every_minute(minutes(25))

    assert bot.states() == {}
    assert bot.counts() == (0, 0)


def test_every_subject_is_counted_once(bot: Bot) -> None:
    """Matured and violations per minute and family, whatever happens to the violations later."""
    bot.database.execute("SELECT ghostwatch.declare_branch_family('onboarding', 'kitchen', 'kitchen')")
    for key in range(10):
        bot.sign_up(key, branch="kitchen" if key < 4 else None)
    for key in range(6, 10):
        bot.get_meme(key)
    bot.sign_up(10, type="banned")
    bot.sign_up(11, branch="tapps_1")
    bot.run_every_minute(minutes(30))

    assert bot.database.rows(
        "SELECT minute AT TIME ZONE 'UTC', branch_family, due, violations FROM ghostwatch.branch_minute ORDER BY 2"
    ) == [
        (bot.now.replace(tzinfo=None) - minutes(30), family, *counts)
        for family, counts in [("kitchen", (4, 4)), ("none", (6, 2))]
    ]


def test_born_again_under_the_same_key(bot: Bot) -> None:
    """A key that is used again begins a new life, judged by its own birth."""
    bot.sign_up(1, minutes(3))
    bot.run()
    bot.delete(1)
    bot.sign_up(1)
    bot.run()
    assert bot.close_reasons() == {"1": "deleted"}

    bot.pass_time(minutes(2))
    bot.run()
    assert bot.states() == {"1": "warn"}
    assert bot.counts() == (2, 2)
