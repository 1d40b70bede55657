"""Whatever happens, in whatever order: the messages about an incident stay true and few."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.detect.bot import NOON, Bot, minutes

RESOLVE_AFTER = minutes(5)
REPEAT_INTERVAL = timedelta(hours=4)
REOPEN_WITHIN = minutes(30)


@dataclass(frozen=True)
class Run:
    """A check run that finds so many violations."""

    warnings: int
    errors: int

    @property
    def firing(self) -> bool:
        """Whether anything is wrong."""
        return self.warnings + self.errors > 0


@dataclass(frozen=True)
class Silence:
    """Somebody silences the invariant for a while."""

    duration: timedelta


ANY = ("pending", "sent", "suppressed", "superseded")
ACKNOWLEDGE, DELIVER = "acknowledge", "deliver"
Step = Run | Silence | str

WAITS = st.sampled_from([minutes(1), minutes(6), minutes(6), minutes(20), minutes(40), timedelta(hours=5)])
RUNS: st.SearchStrategy[Step] = st.one_of(st.just(Run(0, 0)), st.builds(Run, st.integers(0, 2), st.integers(0, 2)))
STEPS: st.SearchStrategy[Step] = st.one_of(
    RUNS,
    RUNS,
    RUNS,
    RUNS,
    st.just(DELIVER),
    st.just(ACKNOWLEDGE),
    st.builds(Silence, WAITS),
)
HISTORIES = st.lists(st.tuples(WAITS, STEPS), min_size=1, max_size=25)


class Incidents:
    """One invariant of a bot, inside a transaction that is rolled back."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self.now = NOON
        self.silent_until = NOON

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        return self.connection.execute(query.encode(), values or None).fetchall()

    def pass_time(self, length: timedelta) -> None:
        """Time goes by."""
        self.now += length
        self.rows("SELECT set_config('ghostwatch.clock', %s, true)", str(self.now))

    def run(self, found: Run) -> bool:
        """A check run; whether it woke the sidecars."""
        ((woken,),) = self.rows(
            """
            SELECT ghostwatch._advance_alert('violations', i.invariant_id, ROW(
                %s, %s, %s, %s, '{}', '[]', '{}', '5 minutes', 'threshold'
            )::ghostwatch._rule_result, ghostwatch._clock())
            FROM ghostwatch.invariant AS i
            """,
            found.firing,
            "error" if found.errors else "warn",
            found.warnings,
            found.errors,
        )
        return bool(woken)

    def acknowledge(self) -> None:
        """Somebody takes care of what is firing."""
        self.rows("SELECT ghostwatch.acknowledge(alert_id, 'anna') FROM ghostwatch.alert WHERE state = 'firing'")

    def silence(self, duration: timedelta) -> None:
        """Somebody has had enough for a while."""
        self.rows("SELECT ghostwatch.silence('onboarding', duration => %s, by => 'anna')", duration)
        self.silent_until = max(self.silent_until, self.now + duration)

    def deliver(self) -> None:
        """A sidecar sends whatever is due."""
        self.connection.execute(
            """
            UPDATE ghostwatch.notification
            SET state = 'sent', sent_at = ghostwatch._clock(), message_id = coalesce(message_id, notification_id)
            WHERE state = 'pending' AND next_attempt_at <= ghostwatch._clock()
            """
        )

    @property
    def latest(self) -> tuple[Any, ...] | None:
        """The latest incident."""
        found = self.rows(
            """
            SELECT alert_id, state, severity, warn_count, error_count, resolved_at
            FROM ghostwatch.alert ORDER BY alert_id DESC LIMIT 1
            """
        )
        return found[0] if found else None

    def messages(self, *states: str) -> list[tuple[int, str, datetime]]:
        """The messages that were sent, or would have been: incident, reason, time."""
        return [
            (alert_id, reason, created_at)
            for alert_id, reason, created_at in self.rows(
                """
                SELECT alert_id, reason, created_at FROM ghostwatch.notification
                WHERE reason <> 'updated' AND state = ANY (%s) ORDER BY notification_id
                """,
                list(states),
            )
        ]


@pytest.fixture
def connection(bot: Bot) -> Iterator[psycopg.Connection[Any]]:
    """A session of its own, for one transaction after the other."""
    session = bot.database.connect(autocommit=False)
    yield session
    session.rollback()


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=HISTORIES)
def test_what_is_told_is_true_and_little(
    connection: psycopg.Connection[Any], history: list[tuple[timedelta, Step]]
) -> None:
    """At every moment the alert shows what was found; in the end the chat's last word is true."""
    connection.rollback()
    incidents = Incidents(connection)
    previous: Run | None = None
    told_up_to = cleared_at = NOON

    for wait, step in history:
        incidents.pass_time(wait)
        if isinstance(step, Run):
            before = incidents.messages(*ANY)
            incidents.run(step)
            if step.firing or previous is None or previous.firing:
                cleared_at = incidents.now
            check_state(incidents, step, clear_for=incidents.now - cleared_at)
            if step == previous and step.firing and incidents.silent_until <= told_up_to:
                news = [reason for _, reason, _ in incidents.messages(*ANY)[len(before) :]]
                assert news in ([], ["repeated"]), "that time has passed is no news"
            assert not incidents.run(step), "the same run a second time wakes no sidecar"
            previous = step
            told_up_to = incidents.now
        elif isinstance(step, Silence):
            incidents.silence(step.duration)
        elif step == ACKNOWLEDGE:
            incidents.acknowledge()
        else:
            incidents.deliver()

    check_grammar(incidents.messages(*ANY))

    # When the silences are over and everything is delivered, the chat knows how things stand.
    incidents.pass_time(max(incidents.silent_until - incidents.now, minutes(1)))
    incidents.run(previous or Run(0, 0))
    incidents.deliver()
    check_last_word(incidents, wrong=previous is not None and previous.firing)


def check_state(incidents: Incidents, found: Run, *, clear_for: timedelta) -> None:
    """The latest alert is as wrong as what was found, and resolved once nothing has been wrong for long enough."""
    latest = incidents.latest
    if latest is None:
        assert not found.firing
        return
    _, state, severity, warnings, errors, _ = latest
    if found.firing:
        assert state == "firing"
        assert severity == "error" or not found.errors
    else:
        assert (state == "resolved") == (clear_for >= RESOLVE_AFTER)
    if state == "firing":
        assert (warnings, errors) == (found.warnings, found.errors)
    ((firing,),) = incidents.rows("SELECT count(*) FROM ghostwatch.alert WHERE state = 'firing'")
    assert firing <= 1


def check_grammar(messages: list[tuple[int, str, datetime]]) -> None:
    """Each incident opens once, reopens only after it was resolved, escalates once each time, and repeats seldom."""
    for incident in {alert_id for alert_id, _, _ in messages}:
        announced = [(reason, at) for alert_id, reason, at in messages if alert_id == incident]
        reasons = [reason for reason, _ in announced]
        assert reasons[0] == "opened"
        assert reasons.count("opened") == 1
        for (earlier, earlier_at), (later, later_at) in pairwise(announced):
            assert (earlier == "resolved") == (later == "reopened")
            if later == "reopened":
                assert later_at - earlier_at <= REOPEN_WITHIN
            if later == "repeated":
                assert later_at - earlier_at >= REPEAT_INTERVAL
        for spell in " ".join(reasons).split("reopened"):
            assert spell.count("escalated") <= 1


def check_last_word(incidents: Incidents, *, wrong: bool) -> None:
    """The last message about the latest incident agrees with its state; one that went by in silence said nothing."""
    latest = incidents.latest
    if latest is None:
        assert incidents.messages("sent") == []
        return
    alert_id, state, *_ = latest
    sent = [reason for incident, reason, _ in incidents.messages("sent") if incident == alert_id]
    kept_back = [reason for incident, reason, _ in incidents.messages("suppressed") if incident == alert_id]
    if state == "firing":
        assert sent[-1:] != ["resolved"]
        if wrong:
            assert incidents.messages("sent", "suppressed")[-1] == incidents.messages("sent")[-1]
    else:
        assert (sent and sent[-1] == "resolved") or (kept_back and kept_back[-1] == "resolved")
