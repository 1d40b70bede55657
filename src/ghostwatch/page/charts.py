"""Drawings, as the data of SVG paths. Nothing here knows a template or a colour: shapes are told apart by class.

Every drawing fills a box of its own units and is stretched to the place it is given, so that one drawing fits a phone
and a wall; text stands beside it in HTML, where it keeps its size.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ghostwatch.page.source import Facts

WIDTH = 1000.0
HEIGHT = 240.0
VOLUME_HEIGHT = 60.0
# A day or a step is at least this much of its place wide, the rest is the gap to the next.
FILLED = 0.78
# Shares of violations that a heat map tells apart, each the upper bound of a level.
LEVELS = (0.0, 0.05, 0.15, 0.35, 0.65, 1.0)
# A share of fewer subjects is drawn small.
ENOUGH = 5
NICE_RATES = (0.01, 0.02, 0.04, 0.06, 0.10, 0.20, 0.30, 0.40, 0.60, 0.80, 1.0)
COHORT_PARTS = ("in_time", "by_error_after", "by_watch_for", "still_open", "excused", "never")


@dataclass(frozen=True)
class Bar:
    """One place of a row of bars: where it is drawn, its class, and the facts that it stands for."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    facts: Facts


@dataclass(frozen=True)
class Span:
    """A stretch of time in a chart."""

    x: float
    width: float
    kind: str
    facts: Facts


@dataclass
class RateChart:
    """A rate over time, with the usual rate, what is tolerated, and what was going on."""

    top: float
    line: str
    area: str
    usual_y: float | None
    tolerated_y: float | None
    volume: str
    most_due: int
    spans: list[Span]
    places: list[Bar]


def day_bars(days: Sequence[Facts]) -> list[Bar]:
    """One bar a day. A day with an alert is higher, so that it is seen without its colour."""
    place = WIDTH / max(len(days), 1)
    bars = []
    for number, day in enumerate(days):
        kind = "error" if day["errors"] else "warn" if day["warnings"] else "ok" if day["due"] else "none"
        height = {"error": 40.0, "warn": 34.0, "ok": 26.0, "none": 10.0}[kind]
        bars.append(_round(Bar(number * place, 40 - height, place * FILLED, height, kind, day)))
    return bars


def rate_chart(facts: Facts) -> RateChart:
    """The chart of a clause, from what its view holds."""
    since, until, step = facts["since"], facts["until"], facts["step"]
    length = (until - since).total_seconds()
    clause = facts["clause"]
    usual, tolerated = clause["usual_rate"], clause["tolerated_rate"]
    rates = facts["rates"]
    highest = max([row["violations"] / row["due"] for row in rates if row["due"]] + [usual or 0.0, tolerated or 0.0])
    top: float = next((nice for nice in NICE_RATES if nice >= highest * 1.05), 1.0)
    most_due = max((row["due"] for row in rates), default=0)

    def x_of(moment: datetime) -> float:
        passed: float = (moment - since).total_seconds()
        return float(min(max(passed / length, 0.0), 1.0) * WIDTH)

    def y_of(rate: float) -> float:
        return float(round(HEIGHT * (1 - min(rate / top, 1.0)), 1))

    place = WIDTH * step.total_seconds() / length
    line: list[str] = []
    area: list[str] = []
    run: list[tuple[float, float]] = []
    before: datetime | None = None
    for row in [*rates, None]:
        if run and (row is None or before is None or row["starts_at"] - before > 2 * step):
            line.append(_polyline(run))
            area.append(f"M{_n(run[0][0])} {_n(HEIGHT)}" + "".join(f"L{_n(x)} {_n(y)}" for x, y in run))
            area.append(f"L{_n(run[-1][0])} {_n(HEIGHT)}Z")
            run = []
        if row is not None and row["due"]:
            run.append((min(x_of(row["starts_at"]) + place / 2, WIDTH), y_of(row["violations"] / row["due"])))
            before = row["starts_at"]
    return RateChart(
        top=top,
        line="".join(line),
        area="".join(area),
        usual_y=None if usual is None else y_of(usual),
        tolerated_y=None if tolerated is None else y_of(tolerated),
        volume="".join(
            _box(x_of(row["starts_at"]), VOLUME_HEIGHT * (1 - row["due"] / most_due), place * FILLED, None)
            for row in rates
        ),
        most_due=most_due,
        spans=_spans(facts, x_of),
        places=[
            _round(Bar(x_of(row["starts_at"]), 0, min(place, WIDTH - x_of(row["starts_at"])), HEIGHT, "place", row))
            for row in rates
        ],
    )


def _spans(facts: Facts, x_of: Any) -> list[Span]:
    now = facts["as_of"]
    found = []
    for mark in facts["marks"]:
        found.append((mark["starts_at"], mark["ends_at"], mark["kind"], mark))
    for alert in facts["alerts"]:
        found.append((alert["opened_at"], alert["resolved_at"] or now, alert["severity"], alert))
    return [
        Span(round(x_of(begin), 1), round(max(x_of(end) - x_of(begin), 2.0), 1), kind, what)
        for begin, end, kind, what in found
    ]


def heat_row(steps: Sequence[Facts], since: datetime, until: datetime, step: timedelta) -> dict[str, str]:
    """A row of a heat map in a box of WIDTH by 10: one path for each level.

    A step with few subjects says little, so it is low.
    """
    count = max(1, -(-(until - since) // step))
    place = WIDTH / count
    paths: dict[str, str] = {}
    for one in steps:
        number = (one["starts_at"] - since) // step
        if one["due"] and 0 <= number < count:
            level = f"level{level_of(one['violations'] / one['due'])}"
            top, height = (0, 10) if one["due"] >= ENOUGH else (3, 4)
            width = _n(place * 0.92)
            box = f"M{_n(number * place)} {top}h{width}v{height}h-{width}z"
            paths[level] = paths.get(level, "") + box
    return paths


def level_of(share: float) -> int:
    """Which colour of the heat map a share of violations has."""
    return next(number for number, bound in enumerate(LEVELS) if share <= bound)


def cohort_columns(cohorts: Sequence[Facts], since: datetime, until: datetime, step: timedelta) -> dict[str, str]:
    """Columns of parts that make up a whole in a box of WIDTH by 100: one path for each part."""
    count = max(1, -(-(until - since) // step))
    place = WIDTH / count
    paths: dict[str, str] = {}
    for cohort in cohorts:
        number = (cohort["starts_at"] - since) // step
        bottom = 100.0
        for part in COHORT_PARTS:
            height = 100.0 * min(cohort[part] / cohort["due"], 1.0) if cohort["due"] else 0.0
            height = min(height, bottom)
            if height:
                bottom -= height
                box = f"M{_n(number * place)} {_n(bottom)}h{_n(place * 0.9)}v{_n(height)}h-{_n(place * 0.9)}z"
                paths[part] = paths.get(part, "") + box
    return paths


def cohort_totals(cohorts: Iterable[Facts]) -> dict[str, int]:
    """How many subjects each part has, in all columns together."""
    totals = dict.fromkeys(("due", *COHORT_PARTS), 0)
    for cohort in cohorts:
        for part in totals:
            totals[part] += cohort[part]
    return totals


def _polyline(points: Sequence[tuple[float, float]]) -> str:
    if len(points) == 1:
        (x, y), *_ = points
        # A point alone is a short line, since a line of no length is not seen.
        points = [(max(x - 4, 0), y), (x + 4, y)]
    return "M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in points)


def _box(x: float, y: float, width: float, height: float | None) -> str:
    return f"M{_n(x)} {_n(y)}h{_n(width)}V{_n(VOLUME_HEIGHT if height is None else y + height)}h-{_n(width)}z"


def _round(bar: Bar) -> Bar:
    return Bar(round(bar.x, 1), round(bar.y, 1), round(bar.width, 1), round(bar.height, 1), bar.kind, bar.facts)


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
