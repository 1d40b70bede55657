"""One row for which an expression fails keeps nobody else from being judged."""

from __future__ import annotations

import psycopg
import pytest

from tests.detect.bot import Bot, minutes

NUMBER = "(SELECT t.deep_link::integer FROM user_tg AS t WHERE t.id = s.id)"


@pytest.fixture
def bot(bot: Bot) -> Bot:
    """A bot whose branches are numbers, as long as nobody types another."""
    bot.declare(
        branch_expression="(SELECT t.deep_link::integer FROM user_tg AS t WHERE t.id = s.id)", exempt_branches=[]
    )
    return bot


def failure(bot: Bot) -> tuple[str, str]:
    """What the check of the only invariant reports."""
    ((state, message),) = bot.database.rows("SELECT last_error_state, last_error FROM ghostwatch.check_progress")
    return state, message


@pytest.mark.both_kinds
@pytest.mark.parametrize("capture", [False, True])
def test_the_others_are_judged(bot: Bot, capture: bool) -> None:
    """The subject is reported by its key until it can be judged, without its values."""
    bot.declare_contract(capture=capture, branch_expression=NUMBER)
    for key in range(1, 11):
        bot.sign_up(key, branch="secret" if key in (3, 7) else "1")
    bot.get_meme(1)
    bot.get_meme(3)
    bot.pass_time(minutes(2))
    bot.run()
    assert {key for key, state in bot.states().items() if state == "warn"} == {"2", "4", "5", "6", "8", "9", "10"}
    assert bot.counts() == (8, 7)
    assert failure(bot) == ("GW024", "2 subjects cannot be judged, since an expression fails: 3, 7")
    assert bot.progress("last_success_at") == bot.now
    assert bot.summary()[2] == 7
    alert = bot.database.value("SELECT to_jsonb(a)::text FROM ghostwatch.alert AS a WHERE kind = 'check_failing'")
    assert "secret" not in alert
    with pytest.raises(psycopg.Error, match="secret"):
        bot.database.execute("SELECT * FROM ghostwatch.check_subject('onboarding', 3)")

    # The rest of its life is watched, so it is judged as soon as it can be.
    bot.database.execute("UPDATE user_tg SET deep_link = '2' WHERE deep_link = 'secret'")
    bot.pass_time(minutes(1))
    bot.run()
    assert bot.progress("last_error") is None
    assert bot.states()["7"] == "warn"
    assert "3" not in bot.states()


def test_an_open_violation_that_fails(bot: Bot) -> None:
    """While it is looked at again, too."""
    bot.declare_contract(exempt_predicate="1 / (length(s.type) - 3) < 0")
    for key in (1, 2, 3):
        bot.sign_up(key)
    bot.pass_time(minutes(2))
    bot.run()
    assert set(bot.states().values()) == {"warn"}
    bot.set_type(2, "new")
    bot.get_meme(3)
    bot.pass_time(minutes(5))
    bot.run()
    assert bot.states() == {"1": "error", "2": "exempt", "3": "recovered"}
    assert failure(bot)[1].endswith("since an expression fails: 2")


def test_an_expression_that_fails_for_many_is_wrong(bot: Bot) -> None:
    """Then the check fails, at a bounded cost, and the error shows no value."""
    for key in range(1, 61):
        bot.sign_up(key, branch="secret")
    bot.pass_time(minutes(2))
    bot.run()
    assert bot.states() == {}
    state, message = failure(bot)
    assert (state, "secret" in message) == ("GW024", False)
    assert message.startswith("an expression fails for more than 50 subjects, among them 1, 2, 3")
