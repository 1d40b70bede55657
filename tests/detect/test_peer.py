"""Beside the window query that ghostwatch replaces: for any population without late commits, the same answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.detect.bot import MILLISECOND, NOON, Bot, minutes

WINDOW = """
    SELECT u.id::text, u.created_at < %(now)s - interval '5 minutes' AS is_error
    FROM "user" AS u
    LEFT JOIN user_tg AS t ON t.id = u.id
    WHERE u.created_at >= %(now)s - interval '25 minutes'
        AND u.created_at <= %(now)s - interval '1 minute'
        AND u.type NOT IN ('blocked_bot', 'banned', 'waitlist')
        AND u.blocked_bot_at IS NULL
        AND (t.deep_link IS NULL OR (t.deep_link <> 'likefollowbot' AND t.deep_link NOT LIKE 'tapps%%'))
        AND NOT EXISTS (SELECT FROM user_meme_reaction AS r WHERE r.user_id = u.id)
    ORDER BY u.created_at, u.id::text
"""


@dataclass(frozen=True)
class Signup:
    """One user, and what becomes of them; times in minutes from the beginning."""

    at: timedelta
    served_after: timedelta | None
    branch: str | None
    type: str


signups = st.builds(
    Signup,
    at=st.one_of(
        st.timedeltas(minutes(0), minutes(30)), st.sampled_from([minutes(10), minutes(10) + MILLISECOND, minutes(11)])
    ),
    served_after=st.none() | st.timedeltas(minutes(0), minutes(27)),
    branch=st.sampled_from([None, None, "kitchen", "tapps_1", "likefollowbot"]),
    type=st.sampled_from(["user", "user", "user", "banned"]),
)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(population=st.lists(signups, max_size=25))
def test_the_same_as_the_window_query(bot: Bot, population: list[Signup]) -> None:
    """Every minute ghost_summary says what the window shows; in the end the violations are all that it ever showed."""
    bot.database.execute("SELECT ghostwatch.drop_contract('onboarding')")
    bot.database.execute('TRUNCATE "user", user_tg, user_meme_reaction')
    bot.now = NOON
    bot.database.set_clock(NOON)
    bot.declare()
    still_to_come = sorted(enumerate(population), key=lambda one: one[1].at)
    still_to_serve = sorted(
        (signup.at + signup.served_after, key)
        for key, signup in enumerate(population)
        if signup.served_after is not None
    )
    seen: set[str] = set()
    seen_as_error: set[str] = set()

    for minute in range(60):
        bot.now = NOON + minutes(minute)
        bot.database.connection.execute("SELECT set_config('ghostwatch.clock', %s, false)", [str(bot.now)])
        while still_to_come and still_to_come[0][1].at <= minutes(minute):
            key, signup = still_to_come.pop(0)
            bot.sign_up(key, minutes(minute) - signup.at, branch=signup.branch, type=signup.type)
        while still_to_serve and still_to_serve[0][0] <= minutes(minute):
            bot.get_meme(still_to_serve.pop(0)[1])
        bot.run()

        window = bot.database.connection.execute(WINDOW, {"now": bot.now}).fetchall()
        errors = {key for key, is_error in window if is_error}
        warn_count, error_count, total, sample_keys, branches = bot.summary()
        assert (warn_count, error_count, total) == (len(window) - len(errors), len(errors), len(window))
        assert sample_keys == [key for key, _ in window[:5]]
        assert sum(branch["violations"] for branch in branches) == total
        seen |= {key for key, _ in window}
        seen_as_error |= errors

    rows = bot.database.rows(
        "SELECT subject_key, escalated_at IS NOT NULL FROM ghostwatch.violation WHERE opened_at IS NOT NULL"
    )
    assert {key for key, _ in rows} == seen
    assert {key for key, escalated in rows if escalated} == seen_as_error
