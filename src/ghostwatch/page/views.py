"""The views of the page: what each asks of the database, as plain facts. The JSON API answers with the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final

from ghostwatch.notifier.database import Database
from ghostwatch.page import queries, words
from ghostwatch.page.source import Facts, Loader

DAYS = 90
COHORT_HOURS = 48
RECENT_ALERTS = 12
MOST_ALERTS = 200
KINDS_IN_ORDER: Final = ("error", "warn", "none", "ok")


@dataclass(frozen=True)
class Range:
    """A stretch of time to look at: its name, length, the steps of the rate and of the branches, labels."""

    name: str
    label: str
    length: timedelta
    step: timedelta
    branch_step: timedelta
    ticks: int

    def since(self, now: datetime) -> datetime:
        """Where it begins: at a whole step of the branches, in UTC, as the sums are."""
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        begin = now - self.length + self.branch_step
        return begin - (begin - epoch) % self.branch_step


RANGES: Final = {
    one.name: one
    for one in (
        Range("6h", "6 hours", timedelta(hours=6), timedelta(minutes=5), timedelta(minutes=10), 6),
        Range("24h", "24 hours", timedelta(hours=24), timedelta(minutes=20), timedelta(hours=1), 6),
        Range("7d", "7 days", timedelta(days=7), timedelta(hours=2), timedelta(hours=6), 7),
        Range("90d", "90 days", timedelta(days=DAYS), timedelta(days=1), timedelta(days=1), 6),
    )
}
COHORT: Final = Range("48h", "48 hours", timedelta(hours=COHORT_HOURS), timedelta(hours=1), timedelta(hours=1), 6)
DEFAULT_RANGE: Final = "24h"


def overview(time_zone: str) -> Loader:
    """Every clause with its last ninety days, what fires, and the health of checks and delivery."""

    async def load(database: Database) -> Facts:
        (health,) = await database.call(queries.HEALTH)
        now = health["as_of"]
        since = now - timedelta(days=DAYS)
        clauses = await database.call(queries.CLAUSES)
        days = await database.call(queries.DAYS, {"time_zone": time_zone, "days": DAYS})
        alerts = await _alerts(database, since, 1000)
        marks = await database.call(queries.MARKS, {"contract": None, "since": now})
        for clause in clauses:
            key = (clause["contract"], clause["invariant"])
            clause["days"] = [_without(day, "contract", "invariant") for day in days if _key(day) == key]
            its_alerts = [alert for alert in alerts if _key(alert) == key]
            clause["alerts"] = len(its_alerts)
            clause["alerts_lasted"] = _covered(its_alerts, since, now)
        # What is wrong comes first.
        clauses.sort(key=lambda one: KINDS_IN_ORDER.index(words.kind(one["state"])))
        firing = [alert for alert in alerts if alert["state"] == "firing"]
        others = [alert for alert in alerts if alert["state"] != "firing"]
        return {
            "as_of": now,
            "time_zone": time_zone,
            "health": health,
            "clauses": clauses,
            "alerts": firing + others[: max(0, RECENT_ALERTS - len(firing))],
            "marks": [mark for mark in marks if mark["starts_at"] <= now],
        }

    return load


def clause(contract: str, invariant: str, chosen: Range) -> Loader:
    """One clause: its rate over time, its branches, its cohorts, its alerts and what was going on."""

    async def load(database: Database) -> Facts:
        (health,) = await database.call(queries.HEALTH)
        now = health["as_of"]
        names = {"contract": contract, "invariant": invariant}
        since = chosen.since(now)
        # Raises where there is no such clause.
        branches = await database.call(queries.BRANCHES, names | {"since": since, "step": chosen.branch_step})
        clauses = await database.call(queries.CLAUSES)
        found = next(one for one in clauses if _key(one) == (contract, invariant))
        cohort_since = COHORT.since(now)
        return {
            **await _rate(database, found, chosen, now),
            "branch_step": chosen.branch_step,
            "branches": _by_branch(branches),
            "cohort_since": cohort_since,
            "cohort_until": cohort_since + timedelta(hours=COHORT_HOURS),
            "cohort_step": timedelta(hours=1),
            "cohorts": await database.call(queries.COHORT, names | {"since": cohort_since}),
        }

    return load


def alert(alert_id: int) -> Loader:
    """One alert: what it counted, why it fired, and everything that happened to it."""

    async def load(database: Database) -> Facts:
        (found,) = await database.call(queries.ALERT, {"alert_id": alert_id})
        timeline = await database.call(queries.TIMELINE, {"alert_id": alert_id})
        delivery = await database.call(queries.DELIVERY, {"alert_id": alert_id})
        now = datetime.now(UTC)
        # An alert that is about no clause has no rate, nor has one whose clause was dropped.
        clauses = await database.call(queries.CLAUSES)
        its_clause = next((one for one in clauses if _key(one) == _key(found)), None)
        chosen = range_with(found["opened_at"], now)
        return {
            "as_of": now,
            "alert_id": alert_id,
            "alert": found,
            "chart": await _rate(database, its_clause, chosen, now) if its_clause and chosen else None,
            "timeline": timeline,
            "delivery": delivery,
        }

    return load


def range_with(moment: datetime, now: datetime) -> Range | None:
    """The shortest range in which a moment lies, with a third of the range before it; None for one that is too old."""
    return next((one for one in RANGES.values() if (now - moment) * 1.5 <= one.length), None)


async def alerts(database: Database) -> Facts:
    """The alerts of the last ninety days."""
    now = datetime.now(UTC)
    return {"as_of": now, "alerts": await _alerts(database, now - timedelta(days=DAYS), MOST_ALERTS)}


async def health(database: Database) -> Facts:
    """Whether checks run and messages get through, with what the doctor says."""
    (row,) = await database.call(queries.HEALTH)
    return {"as_of": row["as_of"], "health": row, "findings": await database.call(queries.FINDINGS)}


async def _rate(database: Database, its_clause: Facts, chosen: Range, now: datetime) -> Facts:
    """What the chart of a clause shows: its rate over time, its alerts, and what was going on."""
    contract, invariant = _key(its_clause)
    since = chosen.since(now)
    rates = await database.call(
        queries.RATES, {"contract": contract, "invariant": invariant, "since": since, "step": chosen.step}
    )
    marks = await database.call(queries.MARKS, {"contract": contract, "since": since})
    return {
        "as_of": now,
        "range": chosen.name,
        "since": since,
        "until": since + chosen.length,
        "step": chosen.step,
        "clause": its_clause,
        "rates": rates,
        "alerts": await _alerts(database, since, MOST_ALERTS, contract, invariant),
        "marks": [mark for mark in marks if mark["invariant"] in (None, invariant)],
    }


async def _alerts(
    database: Database, since: datetime, most: int, contract: str | None = None, invariant: str | None = None
) -> list[Facts]:
    rows = await database.call(
        queries.ALERTS, {"contract": contract, "invariant": invariant, "since": since, "most": most}
    )
    return [
        {"alert_id": row["alert_id"], "contract": row["contract_name"], "invariant": row["invariant_name"]}
        | _without(row, "alert_id", "contract_name", "invariant_name")
        for row in rows
    ]


def _by_branch(rows: Iterable[Facts]) -> list[Facts]:
    """One entry per family, in the order given, with its steps and its totals."""
    families: dict[str, Facts] = {}
    for row in rows:
        family = families.setdefault(
            row["branch_family"], {"branch_family": row["branch_family"], "due": 0, "violations": 0, "steps": []}
        )
        family["due"] += row["due"]
        family["violations"] += row["violations"]
        family["steps"].append(_without(row, "branch_family"))
    return list(families.values())


def _covered(alerts: Iterable[Facts], since: datetime, until: datetime) -> timedelta:
    """For how long at least one of the alerts fired."""
    total = timedelta(0)
    reached = since
    for one in sorted(alerts, key=lambda alert: alert["opened_at"]):
        end = min(one["resolved_at"] or until, until)
        begin = max(one["opened_at"], reached)
        if end > begin:
            total += end - begin
            reached = end
    return total


def _key(row: Facts) -> tuple[Any, Any]:
    return row["contract"], row["invariant"]


def _without(row: Facts, *names: str) -> Facts:
    return {name: value for name, value in row.items() if name not in names}


def zone_of(name: str) -> tzinfo:
    """The time zone of a name that was checked when the settings were read."""
    from zoneinfo import ZoneInfo

    return ZoneInfo(name)
