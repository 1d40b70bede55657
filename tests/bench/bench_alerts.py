"""How often the rules speak on healthy days, and how soon when something breaks: a simulation.

The model: signups come as a Poisson process and choose one of five branches; a signup is a ghost with
a probability that differs between the hours of the day (normal on the logit scale, sd 0.2) but not
between branches, until something breaks. Every seed is fixed.

What runs where: the NumPy path in drift_model simulates; the SQL functions, on a real server, replay a
sample that it must reproduce alert by alert, play the rule "threshold", attribute every leak to its branch
and say how long a silence may last.

Environment: REPETITIONS (200), SAMPLE (2, streams replayed in SQL), DAYS (90).
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, LiteralString

import numpy as np
import psycopg

from scripts.build import build
from tests.bench.drift_model import (
    DAY,
    HOUR,
    LOSSES,
    OUTAGE,
    Alarm,
    Booleans,
    Detector,
    Floats,
    History,
    Integers,
    Rule,
    log_evidence,
    replay,
    wilson_upper,
)
from tests.support.cluster import Cluster

REPETITIONS = int(os.environ.get("REPETITIONS", "200"))
SAMPLE = int(os.environ.get("SAMPLE", "2"))
DAYS = int(os.environ.get("DAYS", "90"))
DAYS_AT_VOLUME = 5

FAMILIES = ("kitchen", "giveaway", "invitation", "share", "none")
SHARES = np.array([0.05, 0.10, 0.20, 0.25, 0.40])
KITCHEN = 0
LOW, HIGH = 20.0, 2000.0 * 60  # signups an hour
HISTORY_DAYS = 28
RULE = Rule()
# Midnight of a Thursday in 2026, so that hours of the simulation are hours of the database.
ORIGIN = 1767225600.0


@dataclass(frozen=True)
class Leak:
    """From a moment on, signups of some branches are violations with another probability."""

    name: str
    rate: float
    only_kitchen: bool = False


LEAKS = (
    Leak("kitchen (5 % of signups) to 100 %", 1.0, only_kitchen=True),
    Leak("all branches to 50 %", 0.5),
    Leak("all branches to 24 %", 0.24),
)


def profile_of(rate: float, random: np.random.Generator) -> Floats:
    """The probability of a ghost in each hour of the day."""
    logits = math.log(rate / (1 - rate)) + random.normal(0, 0.2, 24)
    profile: Floats = 1 / (1 + np.exp(-logits))
    return profile


def stream(
    begin: float, seconds: float, per_hour: float, profile: Floats, random: np.random.Generator
) -> tuple[Floats, Booleans, Integers]:
    """Births, outcomes and branches of a stretch of time."""
    count = random.poisson(per_hour * seconds / HOUR)
    born_at = np.sort(begin + random.random(count) * seconds)
    families = random.choice(len(FAMILIES), count, p=SHARES)
    rates = profile[(born_at // HOUR % 24).astype(int)]
    return born_at, random.random(count) < rates, families


def past(until: float, per_hour: float, profile: Floats, random: np.random.Generator, room: int) -> History:
    """Four weeks of counts before a moment, with room for more hours."""
    hours = HISTORY_DAYS * 24
    history = History.empty(until - hours * HOUR, hours + room, len(FAMILIES))
    rates = profile[(np.arange(hours) + int((until // HOUR) % 24)) % 24]
    counted = random.poisson(per_hour * SHARES, (hours, len(FAMILIES)))
    history.arrived[:hours] = history.due[:hours] = counted
    history.violations[:hours] = random.binomial(counted, rates[:, None])
    return history


class Server:
    """The SQL functions under test."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection

    def rows(self, query: LiteralString, **values: Any) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        return self.connection.execute(query, values).fetchall()

    def replay(
        self, rule: str, begin: float, end: float, born_at: Floats, violated: Booleans, families: Integers
    ) -> list[tuple[str, float, float]]:
        """What a rule's own replay makes of a stream: (kind, begins, change-point)."""
        return self.rows(
            REPLAYED
            + """ SELECT f.kind, extract(EPOCH FROM f.begins_at)::float8, extract(EPOCH FROM f.since)::float8
                FROM firing AS f
                ORDER BY 2""",
            rule=rule, begin=begin, end=end, born_at=born_at.tolist(), violated=violated.tolist(),
            families=[FAMILIES[family] for family in families],
        )  # fmt: skip

    def messages(
        self, rule: str, begin: float, end: float, born_at: Floats, violated: Booleans, families: Integers
    ) -> int:
        """How many messages a rule makes of a stream."""
        ((messages,),) = self.rows(
            REPLAYED
            + """ SELECT coalesce(sum(i.messages), 0)::integer
                FROM ghostwatch._incidents(
                    ARRAY(SELECT (f.*)::ghostwatch._firing FROM firing AS f),
                    CASE %(rule)s WHEN 'threshold' THEN interval '5 minutes' ELSE '0' END, to_timestamp(%(end)s)
                ) AS i""",
            rule=rule, begin=begin, end=end, born_at=born_at.tolist(), violated=violated.tolist(),
            families=[FAMILIES[family] for family in families],
        )  # fmt: skip
        return int(messages)

    def named(
        self, due: Sequence[int], violations: Sequence[int], baseline_rate: float, family_of_arm: int
    ) -> set[str]:
        """The branches that are named for such counts, when a detector of one branch, or of all (-1), has alarmed."""
        return {
            family
            for (family,) in self.rows(
                """SELECT a.branch_family
                   FROM ghostwatch._attribute(%(families)s, %(due)s, %(violations)s, %(baseline_rate)s) AS a
                   WHERE a.named OR (a.branch_family = %(own)s AND coalesce(a.p < 0.001, true))""",
                own=FAMILIES[family_of_arm] if family_of_arm >= 0 else "",
                families=list(FAMILIES), due=list(due), violations=list(violations), baseline_rate=baseline_rate,
            )
        }  # fmt: skip


REPLAYED: LiteralString = """
    WITH rule AS (
        SELECT jsonb_populate_record(NULL::ghostwatch.invariant, jsonb_build_object(
            'rule', %(rule)s::text, 'warn_after', '1 minute', 'error_after', '5 minutes', 'watch_for', '25 minutes',
            'min_count', 1, 'min_rate', 0, 'days_per_false_alarm', 90, 'expected_rate', 0.1, 'branch_ceiling', 0.8
        )) AS rule
    ),
    trials AS (
        SELECT ROW(
            array_agg(to_timestamp(t.born_at) ORDER BY t.place),
            array_agg(
                to_timestamp(CASE WHEN t.violated THEN float8 'infinity' ELSE t.born_at + 20 END) ORDER BY t.place
            ),
            array_agg(t.family ORDER BY t.place)
        )::ghostwatch._trials AS trials
        FROM ROWS FROM (
            unnest(%(born_at)s::float8[]), unnest(%(violated)s::boolean[]), unnest(%(families)s::text[])
        ) WITH ORDINALITY AS t (born_at, violated, family, place)
    ),
    firing AS (
        SELECT f.*
        FROM rule AS r, trials AS t,
            LATERAL ghostwatch._replay_drift(r.rule, t.trials, to_timestamp(%(begin)s), to_timestamp(%(end)s)) AS f
        WHERE %(rule)s = 'drift'
        UNION ALL
        SELECT f.*
        FROM rule AS r, trials AS t,
            LATERAL ghostwatch._replay_threshold(r.rule, t.trials, to_timestamp(%(begin)s), to_timestamp(%(end)s)) AS f
        WHERE %(rule)s = 'threshold'
    )
"""


def check_fast_path(server: Server) -> None:
    """The NumPy path must reproduce what the SQL functions make of a sample, alert by alert."""
    compared = 0
    for number in range(SAMPLE):
        random = np.random.default_rng([1, number])
        profile = profile_of(0.09, random)
        days = HISTORY_DAYS + 12
        born_at, violated, families = stream(ORIGIN, days * DAY, LOW, profile, random)
        begin = ORIGIN + HISTORY_DAYS * DAY
        for day, leak in ((3, LEAKS[0]), (7, LEAKS[1]), (10, LEAKS[2])):
            broken = (born_at >= begin + day * DAY) & (born_at < begin + (day + 0.8) * DAY)
            if leak.only_kitchen:
                broken &= families == KITCHEN
            violated |= broken & (random.random(born_at.size) < leak.rate)
        history = History.empty(ORIGIN, days * 24, len(FAMILIES))
        before = born_at <= begin
        history.add(born_at[before], violated[before], families[before], np.ones(before.sum(), dtype=bool))
        fast = replay(history, RULE, born_at[~before], violated[~before], families[~before])
        replayed = server.replay("drift", begin, ORIGIN + days * DAY, born_at, violated, families)
        # An escalation begins a new stretch with the same change-point.
        found = sorted({round(since, 3) for kind, _, since in replayed if kind == "violations"})
        if found != sorted(round(alarm.since, 3) for alarm in fast):
            raise SystemExit(f"the fast path differs from SQL on sample {number}: {fast} against {replayed}")
        compared += len(fast)
    print(
        f"checked: the NumPy path gives the alerts of the SQL functions, {compared} over {SAMPLE} streams of "
        f"{HISTORY_DAYS + 12} days"
    )


def trials_to_alarm(usual: float, rate: float, threshold: float) -> Floats:
    """How many trials one detector takes from a change of the rate, after three hundred usual ones."""
    random = np.random.default_rng([2, round(usual * 100), round(rate * 100)])
    upper = wilson_upper(usual * 13440, 13440)
    weights = np.log(np.array([1 - LOSSES, 1 + LOSSES * (1 - upper) / upper]))
    taken: list[int] = []
    while len(taken) < 500:
        violated = np.concatenate([random.random(300) < usual, random.random(6000) < rate])
        evidence = log_evidence(np.full(LOSSES.size, -np.inf), weights[violated.astype(int)])
        hits = np.exp(np.minimum(evidence, 600)).mean(axis=1) >= threshold
        stop = int(hits.argmax()) + 1 - 300 if hits.any() else 6000
        if stop > 0:
            taken.append(stop)
    return np.array(taken, dtype=np.float64)


def trials_of_two_cusums(usual: float, rate: float, threshold: float) -> Floats:
    """The peer: two CUSUMs for twice the usual rate and for 80 %, at the threshold of a union bound."""
    random = np.random.default_rng([2, round(usual * 100), round(rate * 100)])
    upper = wilson_upper(usual * 13440, 13440)
    taken: list[int] = []
    while len(taken) < 500:
        violated = np.concatenate([random.random(300) < usual, random.random(6000) < rate])
        stops = []
        for sought in (min(0.95, max(2 * upper, upper + 0.15)), 0.8 if upper < 0.3 else 0.9):
            way = np.cumsum(np.where(violated, math.log(sought / upper), math.log((1 - sought) / (1 - upper))))
            hits = way - np.minimum(0.0, np.minimum.accumulate(way)) >= math.log(2 * threshold)
            stops.append(int(hits.argmax()) + 1 - 300 if hits.any() else 6000)
        if min(stops) > 0:
            taken.append(min(stops))
    return np.array(taken, dtype=np.float64)


def print_expectations() -> None:
    """The table of docs/drift.md, simulated anew."""
    threshold = 2 * 24 * LOW * RULE.days_per_false_alarm
    print("\ntrials to the alarm of one detector at 20 signups an hour, after 28 days of history; 500 runs each")
    print("beside two CUSUMs, for twice the usual rate and for 80 %, with the same bound on false alarms")
    print(f"{'usual':>8} {'true rate':>10} {'median':>8} {'90 %':>6} {'two CUSUMs':>11} {'ratio':>6}")
    for usual, rate in (
        (0.09, 1.0), (0.09, 0.8), (0.09, 0.5), (0.09, 0.24), (0.09, 0.18), (0.09, 0.14), (0.30, 1.0), (0.30, 0.6),
    ):  # fmt: skip
        ours, peer = trials_to_alarm(usual, rate, threshold), trials_of_two_cusums(usual, rate, threshold)
        print(
            f"{usual:>8.0%} {rate:>10.0%} {np.median(ours):>8.0f} {np.percentile(ours, 90):>6.0f}"
            f" {np.median(peer):>11.0f} {np.median(peer) / np.median(ours):>6.2f}"
        )


def healthy_run(rate: float, number: int) -> float:
    """Alerts of the rule drift in one run of healthy days at 20 signups an hour."""
    random = np.random.default_rng([3, round(rate * 100), number])
    profile = profile_of(rate, random)
    history = past(ORIGIN, LOW, profile, random, DAYS * 24)
    return float(len(replay(history, RULE, *stream(ORIGIN, DAYS * DAY, LOW, profile, random))))


def bound_on_alarms(rate: float, usual: float, trials: float, threshold: float) -> float:
    """An upper bound on the chance that evidence reaches the threshold within so many trials, below the usual rate.

    For any exponent t > 1 with q = (E L^t)^(1/t) < 1, Minkowski's inequality bounds the t-norm of R by q / (1 - q), and
    Markov's the chance that R reaches the threshold at one trial by its t-th power over the threshold's.
    """
    if rate >= usual:
        return 1.0
    bound = 0.0
    for loss in LOSSES:
        best = 1.0
        for exponent in np.linspace(1.02, 4, 150):
            moment = rate * (1 + loss * (1 - usual) / usual) ** exponent + (1 - rate) * (1 - loss) ** exponent
            if moment < 1:
                norm = moment ** (1 / exponent) / (1 - moment ** (1 / exponent))
                best = min(best, trials * (norm / threshold) ** exponent)
        bound += best
    return min(1.0, bound)


def healthy_run_at_volume(rate: float, number: int) -> float:
    """The same at 2,000 a minute.

    Where a bound on the alarms of an hour of the day is low it is counted in their place; the other hours are
    played trial by trial for some days, and what they bring on these counts for all.
    """
    random = np.random.default_rng([4, round(rate * 100), number])
    profile = profile_of(rate, random)
    baseline = past(ORIGIN, HIGH, profile, random, 0).baseline(RULE, ORIGIN)
    detectors = [(-1, 1.0)] + [(family, float(share)) for family, share in enumerate(SHARES)]
    alarms = 0.0
    for hour_rate in profile:
        for family, share in detectors:
            usual = float(baseline.usual_rates(np.array([max(family, 0)]))[0])
            bound = bound_on_alarms(float(hour_rate), usual, HIGH * share * DAYS, baseline.threshold)
            if bound < 0.005:
                alarms += bound
                continue
            for _ in range(DAYS_AT_VOLUME):
                violated = random.random(random.poisson(HIGH * share)) < hour_rate
                walk = Detector(family).walk(np.zeros(violated.size), violated, np.full(violated.size, usual), baseline)
                alarms += (next(walk, None) is not None) * DAYS / DAYS_AT_VOLUME
    return alarms


def minutes_with_ghosts(per_hour: float, rate: float) -> float:
    """Messages a healthy day of a job that posts whenever a ghost due in the minute."""
    random = np.random.default_rng([5, round(per_hour), round(rate * 100)])
    profile = profile_of(rate, random)
    chance = 1 - np.exp(-per_hour / 60 * profile)
    return float(random.binomial(60, chance, (30, 24)).sum() / 30)


def threshold_messages(server: Server, per_hour: float, rate: float) -> float:
    """Messages a healthy day of the rule threshold, replayed by its SQL functions over a sample."""
    days = 10 if per_hour == LOW else 0.02
    messages = 0
    for number in range(SAMPLE):
        random = np.random.default_rng([6, round(rate * 100), number])
        trials = stream(ORIGIN - HOUR / 2, days * DAY + HOUR / 2, per_hour, profile_of(rate, random), random)
        messages += server.messages("threshold", ORIGIN, ORIGIN + days * DAY, *trials)
    if per_hour == LOW:
        return messages / SAMPLE / days
    # At volume there is always a ghost: one alert for ever, opened and escalated in the sample, then repeated.
    return DAY / (4 * HOUR) if messages <= 2 * SAMPLE else math.nan


def volume_name(per_hour: float) -> str:
    """How a table calls a volume."""
    return "20 / h" if per_hour == LOW else "2,000 / min"


def print_healthy(server: Server) -> None:
    """Messages on healthy days, and false alarms of the rule drift."""
    print(f"\nmessages on a healthy day ({REPETITIONS} runs of {DAYS} days for drift, a tenth of them at 2,000 / min)")
    print(
        f"{'signups':>12} {'drop-off':>9} {'the minute job':>15} {'threshold':>7} {'drift':>8}"
        f"   alerts of drift in {DAYS} days: mean, runs with any"
    )
    for per_hour, rate in ((LOW, 0.09), (LOW, 0.30), (HIGH, 0.09), (HIGH, 0.30)):
        run = partial(healthy_run if per_hour == LOW else healthy_run_at_volume, rate)
        with ProcessPoolExecutor() as pool:
            runs = REPETITIONS if per_hour == LOW else math.ceil(REPETITIONS / 10)
            alarms = np.array(list(pool.map(run, range(runs))))
        print(
            f"{volume_name(per_hour):>12} {rate:>9.0%} {minutes_with_ghosts(per_hour, rate):>15.0f}"
            f" {threshold_messages(server, per_hour, rate):>7.1f} {2 * np.mean(alarms) / DAYS:>8.4f}"
            f"   {np.mean(alarms):.3f}, {np.mean(alarms >= 0.5):.1%}",
            flush=True,
        )


@dataclass
class Finding:
    """What one injected leak came to."""

    trials: int
    minutes: float
    named: set[str]


def named_at(
    server: Server,
    alarm: Alarm,
    at: float,
    born_at: Floats,
    violated: Booleans,
    families: Integers,
    baseline_rate: float,
) -> set[str]:
    """The branches that a run at a moment names, from what was counted since the minute of the change-point."""
    counted = (born_at >= alarm.since // 60 * 60) & (born_at < at)
    due = np.bincount(families[counted], minlength=len(FAMILIES))
    violations = np.bincount(families[counted & violated], minlength=len(FAMILIES))
    return server.named(due.tolist(), violations.tolist(), baseline_rate, alarm.family_told(at))


def find_leak(server: Server, per_hour: float, rate: float, leak: Leak, number: int) -> Finding | None:
    """Injects a leak into a healthy stream; None if an alert was firing, wrongly, when it began."""
    random = np.random.default_rng([7, round(per_hour), round(rate * 100), LEAKS.index(leak), number])
    profile = profile_of(rate, random)
    healthy_for, broken_for = (2 * DAY, 5 * DAY) if per_hour == LOW else (600.0, 300.0)
    began_at = ORIGIN + healthy_for
    history = past(ORIGIN, per_hour, profile, random, int((healthy_for + broken_for) // HOUR) + 1)
    born_at, violated, families = stream(ORIGIN, healthy_for + broken_for, per_hour, profile, random)
    broken = born_at >= began_at
    if leak.only_kitchen:
        broken &= families == KITCHEN
    violated = np.where(broken, random.random(born_at.size) < leak.rate, violated)

    baseline_rate = history.baseline(RULE, ORIGIN).baseline_rate
    alarms = replay(history, RULE, born_at, violated, families, stop_after=began_at)
    alarm = next((alarm for alarm in alarms if alarm.ended_at >= began_at), None)
    if alarm is None or alarm.raised_at < began_at:
        return None

    # The run on the next full minute tells it.
    last_notified_at = (alarm.raised_at // 60 + 1) * 60
    named = named_at(server, alarm, last_notified_at, born_at, violated, families, baseline_rate)
    trials = int(((born_at >= began_at) & (born_at <= alarm.raised_at)).sum())
    return Finding(trials, (last_notified_at - began_at) / 60, named)


@dataclass(frozen=True)
class Life:
    """Ninety days at 20 signups an hour in which nothing breaks, but nothing stays the same either."""

    name: str
    weekly: float = 0.0  # standard deviation between the days of the week, on the logit scale
    trend: float = 0.0  # how far the rate drifts over the ninety days, on the logit scale
    campaign_days: int = 0  # days in which as many signups again come through a branch that usually loses 30 %
    holiday_days: int = 0  # days with a fifth of the signups
    test_signups: int = 0  # accounts that the team makes on one afternoon, none of which goes on


LIVES = (
    Life("hours of the day differ"),
    Life("and days of the week", weekly=0.1),
    Life("a campaign through a branch that loses 30 %", campaign_days=4),
    Life("the rate rises from 9 % to 10.4 % over 90 days", trend=0.16),
    Life("a week of holidays", holiday_days=7),
    Life("the team makes 5 accounts on an afternoon", test_signups=5),
)


def live(life: Life, number: int) -> tuple[float, bool]:
    """Alerts in ninety days, and whether any names a wrong branch in words: the campaign's."""
    random = np.random.default_rng([9, LIVES.index(life), number])
    profile = profile_of(0.09, random)
    weekdays = random.normal(0, life.weekly, 7)
    campaign = FAMILIES.index("giveaway")
    days = HISTORY_DAYS + DAYS
    born_at, _, families = stream(ORIGIN, days * DAY, LOW, profile, random)
    day = ((born_at - ORIGIN) // DAY).astype(int)

    quiet = (day >= HISTORY_DAYS + 40) & (day < HISTORY_DAYS + 40 + life.holiday_days) & (random.random(day.size) > 0.2)
    born_at, families = born_at[~quiet], families[~quiet]
    begin = ORIGIN + (HISTORY_DAYS + 20) * DAY
    extra = begin + random.random(random.poisson(LOW * 24 * life.campaign_days)) * life.campaign_days * DAY
    tests = begin + 14 * HOUR + random.random(life.test_signups) * 3 * HOUR
    born_at = np.concatenate([born_at, extra, tests])
    families = np.concatenate([families, np.full(extra.size, campaign), np.full(tests.size, len(FAMILIES) - 1)])
    is_test = np.arange(born_at.size) >= born_at.size - tests.size
    order = np.argsort(born_at, kind="stable")
    born_at, families, is_test = born_at[order], families[order], is_test[order]

    day = ((born_at - ORIGIN) // DAY).astype(int)
    rates = profile[(born_at // HOUR % 24).astype(int)]
    logits = np.log(rates / (1 - rates)) + weekdays[day % 7]
    logits += life.trend * np.clip((day - HISTORY_DAYS) / DAYS, 0, 1)
    if life.campaign_days:
        logits[families == campaign] += math.log(0.3 / 0.7) - math.log(0.09 / 0.91)
    violated = is_test | (random.random(born_at.size) < 1 / (1 + np.exp(-logits)))

    history = History.empty(ORIGIN, days * 24, len(FAMILIES))
    before = born_at < ORIGIN + HISTORY_DAYS * DAY
    history.add(born_at[before], violated[before], families[before], np.ones(before.sum(), dtype=bool))
    alarms = replay(history, RULE, born_at[~before], violated[~before], families[~before])
    return float(len(alarms)), any(alarm.loss >= OUTAGE for alarm in alarms)


def print_lives() -> None:
    """False alarms where nothing breaks."""
    print(f"\nninety days in which nothing breaks, at 20 signups an hour and 9 % ({REPETITIONS} runs each)")
    print(f"{'what changes':<48} {'alerts in 90 days':>18} {'runs with any':>14} {'with an error':>14}")
    for life in LIVES:
        with ProcessPoolExecutor() as pool:
            lived = list(pool.map(partial(live, life), range(REPETITIONS)))
        alarms = np.array([count for count, _ in lived])
        print(
            f"{life.name:<48} {alarms.mean():>18.3f} {np.mean(alarms > 0):>14.1%}"
            f" {np.mean([error for _, error in lived]):>14.1%}",
            flush=True,
        )


def print_leaks(server: Server) -> None:
    """How soon leaks are found, and which branch is named."""
    print(f"\ninjected leaks ({REPETITIONS} runs each): median (90th percentile) until the alert")
    print("trials from the leak to the alarm; minutes from the leak to the run that alerts, deadline not counted")
    print(
        f"{'signups':>12} {'drop-off':>9} {'leak':<34} {'found':>6} {'trials':>14} {'minutes':>14}"
        f" {'right branch':>13} {'a wrong one':>12}"
    )
    for per_hour in (LOW, HIGH):
        for rate in (0.09, 0.30):
            for leak in LEAKS:
                if leak.rate > rate:
                    findings = [find_leak(server, per_hour, rate, leak, number) for number in range(REPETITIONS)]
                    found = [finding for finding in findings if finding is not None]
                    print(f"{volume_name(per_hour):>12} {rate:>9.0%} {described(leak, found)}", flush=True)


def described(leak: Leak, findings: list[Finding]) -> str:
    """What became of one leak over all runs."""
    right = {"kitchen"} if leak.only_kitchen else set()
    trials = [finding.trials for finding in findings]
    minutes = [finding.minutes for finding in findings]
    named_right = f"{np.mean([right <= finding.named for finding in findings]):.1%}" if right else "-"
    named_wrong = np.mean([bool(finding.named - right) for finding in findings])
    return (
        f"{leak.name:<34} {len(findings) / REPETITIONS:>6.0%}"
        f" {np.median(trials):>7.0f} ({np.percentile(trials, 90):>4.0f})"
        f" {np.median(minutes):>7.0f} ({np.percentile(minutes, 90):>4.0f})"
        f" {named_right:>13} {named_wrong:>12.1%}"
    )


def print_broken_from_the_start(server: Server) -> None:
    """A branch that never worked, in a database without any history."""
    named_right, wrong, trials = [], [], []
    for number in range(REPETITIONS):
        random = np.random.default_rng([8, number])
        born_at, violated, families = stream(ORIGIN, 10 * DAY, LOW, profile_of(0.09, random), random)
        violated = violated | (families == KITCHEN)
        history = History.empty(ORIGIN, 11 * 24, len(FAMILIES))
        (alarm, *_) = replay(history, RULE, born_at, violated, families, stop_after=ORIGIN)
        last_notified_at = (alarm.raised_at // 60 + 1) * 60
        named = named_at(server, alarm, last_notified_at, born_at, violated, families, RULE.expected_rate)
        named_right.append("kitchen" in named)
        wrong.append(bool(named - {"kitchen"}))
        trials.append(int(((families == KITCHEN) & (born_at <= alarm.raised_at)).sum()))
    print(
        f"\na branch (5 % of 20 signups an hour) broken since the first day, no history: alert after"
        f" {np.median(trials):.0f} of its signups (median),"
        f" named {np.mean(named_right):.1%}, a wrong one {np.mean(wrong):.1%}"
    )


def print_silence(server: Server) -> None:
    """How long after the last signup their absence is told."""
    for per_hour in (LOW, HIGH):
        ((gap,),) = server.rows(
            """SELECT extract(EPOCH FROM ghostwatch._longest_gap(
                   array_fill(%(per_hour)s::float8, '{24}'), to_timestamp(%(origin)s),
                   ln(%(per_hour)s::float8 * 24 * 90)
               ))::float8""",
            per_hour=per_hour, origin=ORIGIN,
        )  # fmt: skip
        print(f"signups stop at {volume_name(per_hour)}: alert {gap / 60:.1f} minutes and the deadline later")


def timed(step: Callable[[], None]) -> None:
    """Runs a step and says how long it took."""
    began = time.monotonic()
    step()
    print(f"[{time.monotonic() - began:.0f} s]", flush=True)


def main() -> int:
    """Prints all tables."""
    print(__doc__)
    build()
    with Cluster() as cluster, cluster.connect() as connection:
        connection.execute("CREATE EXTENSION ghostwatch")
        server = Server(connection)
        timed(lambda: check_fast_path(server))
        timed(print_expectations)
        timed(lambda: print_healthy(server))
        timed(print_lives)
        timed(lambda: print_leaks(server))
        timed(lambda: print_broken_from_the_start(server))
        timed(lambda: print_silence(server))
    return 0


if __name__ == "__main__":
    sys.exit(main())
