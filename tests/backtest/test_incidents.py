"""The life that a backtest makes of a rule's findings is the life that an alert really has."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.detect.bot import NOON, Bot, minutes


@dataclass(frozen=True)
class Stretch:
    """So many check runs, one a minute, that find the same: an error, a warning, or nothing."""

    severity: str | None
    runs: int


FOUND = st.sampled_from([None, None, "warn", "error"])
STRETCHES = st.lists(st.builds(Stretch, FOUND, st.integers(1, 5)), min_size=3, max_size=15)
LENGTHS = st.integers(1, 5)


def lived(bot: Bot, found: list[str | None], clear_for: timedelta) -> list[tuple[object, ...]]:
    """What the alerts became: begin, end, and how many new messages they made."""
    bot.database.execute(
        """
        SELECT ghostwatch._advance_alert('violations', i.invariant_id, ROW(
            f.severity IS NOT NULL, f.severity,
            coalesce(f.severity = 'warn', false)::integer, coalesce(f.severity = 'error', false)::integer,
            '{}', '[]', '{}', %s, 'threshold'
        )::ghostwatch._rule_result, %s + f.place * interval '1 minute')
        FROM ghostwatch.invariant AS i, unnest(%s::text[]) WITH ORDINALITY AS f (severity, place)
        """,
        clear_for,
        NOON,
        found,
    )
    return bot.database.rows(
        """
        SELECT a.opened_at, a.resolved_at, count(*)::integer
        FROM ghostwatch.alert AS a
        INNER JOIN ghostwatch.notification AS n USING (alert_id)
        WHERE n.reason <> 'updated'
        GROUP BY a.alert_id
        ORDER BY a.opened_at
        """
    )


def replayed(bot: Bot, found: list[str | None], clear_for: timedelta) -> list[tuple[object, ...]]:
    """The same of the stretches in which a replayed rule finds something wrong."""
    firings = []
    place = 1
    for severity, same in groupby(found):
        end = place + len(list(same))
        if severity:
            firings.append((severity, NOON + minutes(place), NOON + minutes(end) if end <= len(found) else None))
        place = end
    return bot.database.rows(
        """
        SELECT i.opened_at, i.resolved_at, i.messages
        FROM ghostwatch._incidents(
            ARRAY(
                SELECT ROW('violations', f.severity, f.begins_at, f.ends_at, f.begins_at)::ghostwatch._firing
                FROM unnest(%s::text[], %s::timestamptz[], %s::timestamptz[]) AS f (severity, begins_at, ends_at)
            ),
            %s,
            %s
        ) AS i
        """,
        [severity for severity, _, _ in firings],
        [begin for _, begin, _ in firings],
        [end for _, _, end in firings],
        clear_for,
        NOON + minutes(len(found)),
    )


@pytest.mark.parametrize("rule", ["threshold", "drift"])
def test_any_findings_make_the_same_alerts(bot: Bot, rule: str) -> None:
    """threshold: resolved after resolve_after without a violation. drift: as soon as the rule says so."""

    @settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(STRETCHES, LENGTHS, LENGTHS, LENGTHS)
    def holds(stretches: list[Stretch], resolve_after: int, reopen_within: int, repeat_interval: int) -> None:
        found = [stretch.severity for stretch in stretches for _ in range(stretch.runs)]
        clear_for = minutes(resolve_after if rule == "threshold" else 0)
        bot.database.execute("TRUNCATE ghostwatch.alert, ghostwatch.notification RESTART IDENTITY CASCADE")
        bot.database.execute("SELECT ghostwatch.set_setting('reopen_within', %s)", f"{reopen_within} min")
        bot.database.execute("SELECT ghostwatch.set_setting('repeat_interval', %s)", f"{repeat_interval} min")
        assert replayed(bot, found, clear_for) == lived(bot, found, clear_for)

    holds()
