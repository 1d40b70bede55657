"""The rule drift in NumPy: what the SQL does, fast enough for thousands of simulated days.

It is a second implementation, kept beside the SQL one only to simulate; bench_alerts checks it against
the functions in a real database before it believes it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

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


# The losses that are looked for, as shares of those who would otherwise have had their row.
LOSSES = np.array([0.06, 0.12, 0.25, 0.5, 0.9])
OUTAGE = 1 / 3


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

    def usual_rates(self, families: Integers) -> Floats:
        """The rate that is usual at worst, for trials of these families."""
        known = np.full(int(families.max(initial=0)) + 1, self.upper_rate)
        for family, rate in self.family_upper_rates.items():
            if family < known.size:
                known[family] = rate
        margin = max(2 * self.hour_deviation, self.worst_hour_excess)
        rates: Floats = np.minimum(0.9, known[families] + margin)
        return rates


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
            enough_to_recover=max(100.0, per_day),
            threshold=2 * max(per_day, 24) * rule.days_per_false_alarm,
            family_upper_rates=family_rates,
            ceiling=rule.branch_ceiling,
        )


def log_evidence(carried: Floats, weights: Floats) -> Floats:
    """ln R after each trial: R becomes (1 + R) * exp(weight), for each column of weights, from ln R carried.

    In closed form, with S the running sum of weights: R_n = exp(S_n) * (R_0 + sum over j < n of exp(-S_j)).
    """
    way = np.cumsum(weights, axis=0)
    before = np.vstack([np.zeros_like(carried), way[:-1]])
    result: Floats = way + np.logaddexp(carried, np.logaddexp.accumulate(-before, axis=0))
    return result


@dataclass
class Detector:
    """The state of one detector: of one branch family, or of all trials (-1)."""

    family: int
    evidence: Floats = field(default_factory=lambda: np.full(LOSSES.size, -np.inf))
    climb: Floats = field(default_factory=lambda: np.zeros(LOSSES.size))
    since: Floats = field(default_factory=lambda: np.full(LOSSES.size, np.nan))
    raised_since: float = 0.0
    loss: float = 0.0
    is_up: bool = False
    recovery: float = -math.inf
    trials_seen: int = 0

    @property
    def mean(self) -> float:
        """The mean of R over the alternatives."""
        return float(np.exp(self.evidence).mean())

    def walk(
        self, born_at: Floats, violated: Booleans, usual: Floats, baseline: Baseline
    ) -> Iterator[tuple[float, bool, float, float]]:
        """Goes over a batch; yields (birth, raised or recovered, change-point, loss) at every turn."""
        self.trials_seen += violated.size
        start = 0
        while start < violated.size:
            part = slice(start, None)
            if self.is_up:
                stop = self._recover(violated[part], usual[part], baseline.enough_to_recover)
            else:
                stop = self._climb(born_at[part], violated[part], usual[part], baseline.threshold)
            if stop is None:
                return
            start += stop
            yield float(born_at[start - 1]), self.is_up, self.raised_since, self.loss

    def _climb(self, born_at: Floats, violated: Booleans, usual: Floats, threshold: float) -> int | None:
        """Gathers evidence up to the threshold; returns how many trials that took."""
        ratios = 1 + LOSSES * ((1 - usual) / usual)[:, None]
        weights = np.where(violated[:, None], np.log(ratios), np.log(1 - LOSSES))
        evidence = log_evidence(self.evidence, weights)
        # Healthy trials raise nothing.
        hits = (np.exp(np.minimum(evidence, 600)).mean(axis=1) >= threshold) & violated
        stop = int(hits.argmax()) + 1 if hits.any() else None

        way = self.climb + np.cumsum(weights[:stop], axis=0)
        climb = way - np.minimum(0.0, np.minimum.accumulate(way, axis=0))
        before = np.vstack([self.climb, climb[:-1]])
        for k in range(LOSSES.size):
            left = np.flatnonzero((before[:, k] <= 0) & violated[:stop])
            if left.size:
                self.since[k] = born_at[left[-1]]
        self.evidence, self.climb = evidence[:stop][-1], climb[-1]
        if stop is not None:
            likeliest = int(self.evidence.argmax())
            self.loss, self.raised_since = float(LOSSES[likeliest]), float(self.since[likeliest])
            self.is_up, self.recovery = True, -math.inf
            self.evidence = np.full(LOSSES.size, -np.inf)
            self.climb = np.zeros(LOSSES.size)
            self.since = np.full(LOSSES.size, np.nan)
        return stop

    def _recover(self, violated: Booleans, usual: Floats, enough: float) -> int | None:
        """The same test with the roles of both rates exchanged."""
        lossy = 1 - (1 - usual) * (1 - self.loss)
        weights = np.where(violated, np.log(usual / lossy), -math.log(1 - self.loss))
        evidence = log_evidence(np.array([self.recovery]), weights[:, None])[:, 0]
        hits = (evidence >= math.log(enough)) & ~violated
        stop = int(hits.argmax()) + 1 if hits.any() else None
        self.recovery = float(evidence[:stop][-1])
        if stop is not None:
            self.is_up = False
        return stop


@dataclass(frozen=True)
class Alarm:
    """An alert: the births from the change-point to the trial that raised the first detector, and to its end."""

    since: float
    raised_at: float
    loss: float
    ended_at: float = field(default=math.inf, compare=False)
    raises: tuple[tuple[float, int], ...] = ()

    def family_told(self, at: float) -> int:
        """Whose detector a run at a moment tells: those that see all trials (-1) come first."""
        return min((family >= 0, raised, family) for raised, family in self.raises if raised <= at)[2]


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
    detectors: dict[int, Detector] = {}
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
            detector.is_up or detector.mean > math.sqrt(baseline.threshold) for detector in detectors.values()
        )
        if baseline is None or (not climbing and (made_at <= start - DAY or seen >= 2 * made_with + 100)):
            baseline = history.baseline(rule, start)
            made_at, made_with = start, seen

        batch = slice(first, scored)
        usual = baseline.usual_rates(families[batch])
        turns: list[tuple[float, bool, float, float, int]] = []
        for family in (-1, *np.unique(families[batch])):
            mine = slice(None) if family < 0 else families[batch] == family
            highest = 1.0 if family < 0 else 0.75 * baseline.ceiling
            detector = detectors.setdefault(int(family), Detector(int(family)))
            turns += [
                (*turn, int(family))
                for turn in detector.walk(
                    born_at[batch][mine], violated[batch][mine], np.minimum(highest, usual[mine]), baseline
                )
            ]
        for at, is_up, since, loss, family in sorted(turns, key=lambda turn: (turn[0], not turn[1])):
            up += 1 if is_up else -1
            if is_up and up == 1:
                opened = {"since": since, "raised_at": at, "loss": loss, "raises": ()}
            if is_up and opened is not None:
                opened["raises"] += ((at, family),)
            if up == 0 and opened is not None:
                alarms.append(Alarm(**opened, ended_at=at))
                incidents.append((opened["since"], at))
                opened = None
        if opened is not None and opened["raised_at"] >= stop_after:
            break
        if any(alarm.raised_at >= stop_after for alarm in alarms):
            break

        healthy = np.ones(scored - first, dtype=bool)
        for begin, end in [*incidents, *([(opened["since"], math.inf)] if opened else [])]:
            healthy &= (born_at[batch] < begin) | (born_at[batch] > end)
        history.add(born_at[batch], violated[batch], families[batch], healthy)
    if opened is not None:
        alarms.append(Alarm(**opened))
    return alarms
