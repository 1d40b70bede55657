"""A backtest shows what would really have happened."""

from __future__ import annotations

import random

import pytest

from tests.detect.bot import Bot, minutes

HOURS = 4


@pytest.mark.parametrize("signups_per_hour", [4, 12])
def test_the_rule_threshold_is_replayed_as_it_was_lived(bot: Bot, signups_per_hour: int) -> None:
    """The same alerts, at the same times, with as many messages; edits are none."""
    database = bot.database
    bot.declare_invariant(related_at_column="reacted_at")
    database.execute("SELECT ghostwatch.set_setting('repeat_interval', '10 minutes')")
    chance = random.Random(signups_per_hour)
    births = sorted(bot.now + minutes(60 * HOURS * chance.random()) for _ in range(signups_per_hour * HOURS))
    # Two in three get a meme at once, the others late, if ever within the time that is watched.
    reactions = [birth + minutes(chance.choice([0.1, 0.1, chance.uniform(1, 40)])) for birth in births]
    begin = bot.now
    for _ in range(60 * HOURS):
        database.execute(
            'INSERT INTO "user" (id, created_at) SELECT b.key, b.at'
            " FROM unnest(%s::timestamptz[]) WITH ORDINALITY AS b (at, key) WHERE b.at > %s AND b.at <= %s",
            births, bot.now, bot.now + minutes(1),
        )  # fmt: skip
        database.execute(
            "INSERT INTO user_meme_reaction (user_id, meme_id, reacted_at) SELECT r.key, 1, r.at"
            " FROM unnest(%s::timestamptz[]) WITH ORDINALITY AS r (at, key) WHERE r.at > %s AND r.at <= %s",
            reactions, bot.now, bot.now + minutes(1),
        )  # fmt: skip
        bot.pass_time(minutes(1))
        bot.run()

    lived = database.rows(
        """
        SELECT a.opened_at, a.resolved_at, count(*)
        FROM ghostwatch.alert AS a
        INNER JOIN ghostwatch.notification AS n USING (alert_id)
        WHERE a.kind = 'violations' AND n.reason <> 'updated'
        GROUP BY a.alert_id ORDER BY a.opened_at
        """
    )
    replayed = database.rows(
        "SELECT opened_at, resolved_at, messages FROM ghostwatch.backtest('onboarding', 'first_meme', %s, %s)",
        begin, bot.now,
    )  # fmt: skip
    assert replayed == lived
    assert sum(messages for *_, messages in lived) > 10
