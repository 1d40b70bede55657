"""The rule drift in NumPy: what the SQL does, fast enough for thousands of simulated days.

It is a second implementation, kept beside the SQL one only to simulate; bench_alerts checks it against
the functions in a real database before it believes it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

HOUR = 3600.0
DAY = 24 * HOUR
PRIOR_WEIGHT = 100.0


@dataclass(frozen=True)
class Rule:
    """The settings of an invariant that the rule reads."""

    expected_rate: float = 0.10
    days_per_false_alarm: float = 90.0
    branch_ceiling: float = 0.80


def wilson_upper(events: float, trials: float) -> float:
    """Wilson's one-sided upper 90 % bound."""
    z = 1.2815515655446004
    middle = events / trials + z * z / (2 * trials)
    spread = z * math.sqrt(events * (trials - events) / trials**3 + z * z / (4 * trials * trials))
    return (middle + spread) / (1 + z * z / trials)


@dataclass(frozen=True)
class Weights:
    """What a detector makes of a trial."""

    usual: float
    sought: float
    scale: float = 1.0

    @property
    def ghost(self) -> float:
        """The weight of a trial in violation."""
        return self.scale * math.log(self.sought / self.usual)

    @property
    def healthy(self) -> float:
        """The weight of a healthy trial."""
        return self.scale * math.log((1 - self.sought) / (1 - self.usual))

    @property
    def tolerance(self) -> float:
        """The rate at which both balance."""
        return -self.healthy / (self.ghost - self.healthy)


def adjustment(weights: Weights, rate: float) -> float:
    """Lundberg's exponent: the positive root of E exp(theta * weight) = 1 under a rate below the tolerance."""

    def excess(theta: float) -> float:
        # Far out the exponentials would overflow.
        ghost, healthy = min(700.0, theta * weights.ghost), theta * weights.healthy
        return rate * math.exp(ghost) + (1 - rate) * math.exp(healthy) - 1

    upper = 1.0
    while excess(upper) <= 0:
        upper *= 2
    lower = upper
    while excess(lower) >= 0 and lower > 1e-12:
        lower /= 2
    return float(brentq(excess, lower, upper)) if excess(lower) < 0 else lower


def sought_rate(detector: str, usual: float, ceiling: float, quiet_below: float) -> float:
    """The rate that a detector looks for."""
    sought = {
        "slow": min(0.95, max(2 * usual, usual + 0.15)),
        "outage": max(0.8 if usual < 0.3 else 0.9, (1 + usual) / 2),
        "branch": min(0.95, ceiling),
    }[detector]
    lower, upper = sought, 0.999
    if Weights(usual, lower).tolerance >= quiet_below:
        return lower
    for _ in range(50):
        middle = (lower + upper) / 2
        if Weights(usual, middle).tolerance < quiet_below:
            lower = middle
        else:
            upper = middle
    return upper


@dataclass(frozen=True)
class Baseline:
    """What is usual."""

    due: float
    baseline_rate: float
    upper_rate: float
    hour_deviation: float
    worst_hour_excess: float
    threshold: float
    enough_to_recover: float
    family_upper_rates: dict[int, float]
    ceiling: float

    def weights(self, detector: str, family: int) -> Weights:
        """What a detector, of one branch family or of all (-1), makes of a trial."""
        highest_usual, highest_tolerance = (0.75 * self.ceiling, self.ceiling) if detector == "branch" else (0.9, 0.95)
        usual = min(highest_usual, self.family_upper_rates.get(family, self.upper_rate))
        deviation, excess = self.hour_deviation, self.worst_hour_excess
        quiet_below = min(highest_tolerance, usual + max(3 * deviation, excess + deviation))
        plain = Weights(usual, sought_rate(detector, usual, self.ceiling, quiet_below))
        if deviation == 0:
            return plain
        raised_by = min(max(2 * deviation, excess), 0.8 * (plain.tolerance - usual))
        return replace(plain, scale=adjustment(plain, usual + raised_by))


@dataclass
class History:
    """Counts per hour and branch family; births that were part of incidents only count as arrived."""

    first_hour: float
    due: Integers
    violations: Integers
    arrived: Integers

    @classmethod
    def empty(cls, first_hour: float, hours: int, families: int) -> History:
        """Room for so many hours."""
        return cls(first_hour, *(np.zeros((hours, families), dtype=np.int64) for _ in range(3)))

    def add(self, born_at: Floats, violated: Booleans, families: Integers, usual: Booleans) -> None:
        """Counts trials; usual says which of them lie outside incidents."""
        hour = ((born_at - self.first_hour) // HOUR).astype(np.int64)
        np.add.at(self.arrived, (hour, families), 1)
        np.add.at(self.due, (hour, families), usual.astype(np.int64))
        np.add.at(self.violations, (hour, families), (usual & violated).astype(np.int64))

    def baseline(self, rule: Rule, until: float) -> Baseline:
        """What is usual by the last 28 days."""
        last = int((until - self.first_hour) // HOUR) + 1
        first = max(0, math.ceil((until - 28 * DAY - self.first_hour) / HOUR))
        due, violations = self.due[first:last], self.violations[first:last]
        seen = np.flatnonzero(self.arrived[first:last].sum(axis=1))
        begin = self.first_hour + (first + seen[0]) * HOUR if seen.size else until
        days = max((until - begin) / DAY, 1 / 24)
        total, bad = float(due.sum()), float(violations.sum())

        deviation = excess = 0.0
        by_hour = due.sum(axis=1)
        counted = by_hour > 0
        if total:
            n, x, rate = by_hour[counted], violations.sum(axis=1)[counted], bad / total
            chance = counted.sum() * rate * (1 - rate) / total * (1 + 2 * math.sqrt(2 / counted.sum()))
            deviation = math.sqrt(max(0.0, float((n * (x / n - rate) ** 2).sum()) / total - chance))
        if deviation:
            hours = (np.arange(first, last)[: by_hour.size] + int(self.first_hour // HOUR)) % 24
            n = np.bincount(hours, by_hour, 24)
            x = np.bincount(hours, violations.sum(axis=1), 24)[n > 0]
            n = n[n > 0]
            shrunk = (x / n - rate) * deviation**2 / (deviation**2 + rate * (1 - rate) / n)
            excess = float(shrunk.max())

        family_rates = {}
        for family in np.flatnonzero(self.arrived[first:last].sum(axis=0)):
            n, x = float(due[:, family].sum()), float(violations[:, family].sum())
            pool_n, pool_x = total - n + PRIOR_WEIGHT, bad - x + PRIOR_WEIGHT * rule.expected_rate
            own = wilson_upper(x + PRIOR_WEIGHT * pool_x / pool_n, n + PRIOR_WEIGHT)
            measured_by = max(0.005, wilson_upper(pool_x, pool_n), min(own, rule.branch_ceiling / 2))
            family_rates[int(family)] = min(0.9, measured_by)

        prior = PRIOR_WEIGHT * rule.expected_rate
        per_day = float(self.arrived[first:last].sum()) / days
        return Baseline(
            due=total,
            baseline_rate=(bad + prior) / (total + PRIOR_WEIGHT),
            upper_rate=min(0.9, max(0.005, wilson_upper(bad + prior, total + PRIOR_WEIGHT))),
            hour_deviation=deviation,
            worst_hour_excess=excess,
            enough_to_recover=math.log(max(20, per_day / 24)),
            threshold=math.log(4 * max(per_day, 24) * rule.days_per_false_alarm),
            family_upper_rates=family_rates,
            ceiling=rule.branch_ceiling,
        )


def climb(
    violated: Booleans, ghost: float, healthy: float, carried: float, threshold: float
) -> tuple[float, int | None, int | None]:
    """S at the end or at the alarm, how many trials had passed when it last was 0, and the alarm's place."""
    way = carried + healthy * np.arange(1, violated.size + 1) + (ghost - healthy) * np.cumsum(violated)
    score = way - np.minimum(0.0, np.minimum.accumulate(way))
    hits = score >= threshold
    stop = int(hits.argmax()) + 1 if hits.any() else None
    zeros = np.flatnonzero(score[:stop] == 0)
    minimum_at = int(zeros[-1]) + 1 if zeros.size else None
    return float(score[: stop or score.size][-1]), minimum_at, stop


@dataclass
class Arm:
    """The state of one detector."""

    detector: str
    family: int
    score: float = 0.0
    since: float | None = None
    raised_since: float = 0.0
    is_up: bool = False
    recovery: float = 0.0
    trials_seen: int = 0

    def walk(
        self, born_at: Floats, violated: Booleans, weights: Weights, baseline: Baseline
    ) -> Iterator[tuple[float, bool, float]]:
        """Goes over a batch; yields (birth, raised or let down, change-point) at every turn."""
        self.trials_seen += violated.size
        start = 0
        while start < violated.size:
            sign = -1 if self.is_up else 1
            value, minimum_at, stop = climb(
                violated[start:],
                sign * weights.ghost,
                sign * weights.healthy,
                self.recovery if self.is_up else self.score,
                baseline.enough_to_recover if self.is_up else baseline.threshold,
            )
            if self.is_up:
                self.recovery = value
            else:
                self.score = value
                if minimum_at is not None:
                    at = start + minimum_at
                    self.since = float(born_at[at]) if at < born_at.size else None
                elif self.since is None:
                    self.since = float(born_at[start])
            if stop is None:
                return
            start += stop
            if self.is_up:
                self.is_up, self.score, self.since = False, 0.0, None
            else:
                self.is_up, self.recovery, self.raised_since = True, 0.0, self.since or 0.0
            yield float(born_at[start - 1]), self.is_up, self.raised_since


@dataclass(frozen=True)
class Alarm:
    """An alert: the births from the change-point to the trial that raised the first detector, and to its end."""

    since: float
    raised_at: float
    detector: str
    family: int
    ended_at: float = field(default=math.inf, compare=False)
    raises: tuple[tuple[float, str, int], ...] = ()

    def family_told(self, at: float) -> int:
        """Whose detector a run at a moment tells: those that see all trials (-1) come first."""
        return min((family >= 0, raised, family) for raised, _, family in self.raises if raised <= at)[2]


def replay(
    history: History,
    rule: Rule,
    born_at: Floats,
    violated: Booleans,
    families: Integers,
    *,
    stop_after: float = math.inf,
) -> list[Alarm]:
    """The alerts over a stream of trials; ends early once one has been raised at or after stop_after."""
    detectors: dict[tuple[str, int], Arm] = {}
    alarms: list[Alarm] = []
    incidents: list[tuple[float, float]] = []
    opened: dict[str, Any] | None = None
    up = 0
    baseline: Baseline | None = None
    made_at = made_with = 0.0
    scored = 0
    while scored < born_at.size:
        first = scored
        start = float(born_at[first])
        length = DAY if baseline is not None and baseline.due >= 1000 else DAY / 4
        scored = int(np.searchsorted(born_at, start + length, side="right"))

        seen = max((detector.trials_seen for detector in detectors.values()), default=0)
        climbing = baseline is not None and any(
            detector.is_up or detector.score > baseline.threshold / 2 for detector in detectors.values()
        )
        if baseline is None or (not climbing and (made_at <= start - DAY or seen >= 2 * made_with + 100)):
            baseline = history.baseline(rule, start)
            made_at, made_with = start, seen

        batch = slice(first, scored)
        turns: list[tuple[float, bool, float, str, int]] = []
        for family in (-1, *np.unique(families[batch])):
            mine = slice(None) if family < 0 else families[batch] == family
            for name in ("slow", "outage") if family < 0 else ("branch",):
                detector = detectors.setdefault((name, int(family)), Arm(name, int(family)))
                turns += [
                    (*turn, name, int(family))
                    for turn in detector.walk(
                        born_at[batch][mine],
                        violated[batch][mine],
                        baseline.weights(name, int(family)),
                        baseline,
                    )
                ]
        for at, is_up, since, name, family in sorted(turns, key=lambda turn: (turn[0], not turn[1])):
            up += 1 if is_up else -1
            if is_up and up == 1:
                opened = {"since": since, "raised_at": at, "detector": name, "family": family, "raises": ()}
            if is_up and opened is not None:
                opened["raises"] += ((at, name, family),)
            if up == 0 and opened is not None:
                alarms.append(Alarm(**opened, ended_at=at))
                incidents.append((opened["since"], at))
                opened = None
        if opened is not None and opened["raised_at"] >= stop_after:
            break
        if any(alarm.raised_at >= stop_after for alarm in alarms):
            break

        usual = np.ones(scored - first, dtype=bool)
        for begin, end in [*incidents, *([(opened["since"], math.inf)] if opened else [])]:
            usual &= (born_at[batch] < begin) | (born_at[batch] > end)
        history.add(born_at[batch], violated[batch], families[batch], usual)
    if opened is not None:
        alarms.append(Alarm(**opened))
    return alarms


def chance_of_alarm(weights: Weights, rate: float, trials: float, threshold: float) -> float:
    """Lundberg's bound on an alarm among so many trials of a rate; 1 where the rate is not tolerated."""
    if rate >= weights.tolerance:
        return 1.0
    return min(1.0, trials * math.exp(-adjustment(weights, rate) * threshold))
