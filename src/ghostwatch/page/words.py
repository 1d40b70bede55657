"""What the page says in words: states, sentences about a whole, ages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from ghostwatch.notifier.messages import duration
from ghostwatch.page.source import Facts, Known

# The class of each state, which gives it colour and sign.
KINDS: Final = {
    "ok": "ok",
    "warn": "warn",
    "error": "error",
    "failing": "error",
    "stopped": "error",
    "waiting": "warn",
    "catching up": "warn",
    "never checked": "none",
    "paused": "none",
}
LABELS: Final = {"ok": "OK", "warn": "Warning", "error": "Error"}
EVIDENCE_WORDS: Final = {
    "p0": "usual rate, upper bound (p0)",
    "statistic": "evidence (statistic)",
    "threshold": "evidence at which it alarms (threshold)",
}
RATES: Final = (
    "p0",
    "p1",
    "rate",
    "tolerance",
    "baseline_rate",
    "expected_rate",
    "min_rate",
    "branch_ceiling",
    "usual",
)
COHORT_WORDS: Final = {
    "in_time": "in time",
    "by_error_after": "late, before the error",
    "by_watch_for": "later",
    "still_open": "still without",
    "excused": "exempt or deleted",
    "never": "never",
}


@dataclass(frozen=True)
class Verdict:
    """What the page says first: a class, a headline and a sentence."""

    kind: str
    headline: str
    detail: str


def label(state: str) -> str:
    """A state, as a badge says it."""
    return LABELS.get(state, state.capitalize())


def kind(state: str) -> str:
    """The class of a state."""
    return KINDS.get(state, "none")


def verdict(known: Known) -> Verdict:
    """Is it well, since when, and if not, what is wrong."""
    facts = known.facts
    if facts is None:
        return Verdict("none", "Nothing is known", "The database does not answer, and no earlier state is known.")
    if known.trouble is not None:
        return Verdict("none", "The database does not answer", "What stands below is what was known last.")
    health, clauses = facts["health"], facts["clauses"]
    if not clauses:
        return Verdict("none", "No clause is declared", "Declare one with ghostwatch.declare_invariant().")
    if health["paused"]:
        return Verdict("none", "Checks are paused", "Nobody is judged until ghostwatch.resume() is called.")
    if health["checks_succeeded_at"] is None:
        return Verdict("none", "Nothing was checked yet", "The first check run has not come.")
    if not health["checks_fresh"]:
        ago = duration(facts["as_of"] - health["checks_succeeded_at"])
        return Verdict(
            "error", "Checks have stopped", f"The last one succeeded {ago} ago; nothing is known since then."
        )
    broken = [one for one in clauses if kind(one["state"]) == "error"]
    doubtful = [one for one in clauses if kind(one["state"]) == "warn"]
    if broken or doubtful:
        chosen = broken or doubtful
        headline = f"{len(chosen)} of {count(len(clauses), 'clause')} {'is' if len(chosen) == 1 else 'are'} "
        return Verdict(
            "error" if broken else "warn",
            headline + ("broken" if broken else "in doubt"),
            _wrong(chosen) + _since(chosen, facts["as_of"]),
        )
    since = max((one["since"] for one in clauses if one["since"]), default=None)
    alerts = sum(one["alerts"] for one in clauses)
    lasted = f"For {duration(facts['as_of'] - since)}, with " if since else "With "
    often = f"{count(alerts, 'alert') if alerts else 'no alert'} in {len(clauses[0]['days'])} days"
    unsaid = len([one for one in clauses if kind(one["state"]) == "none"])
    return Verdict(
        "ok",
        "All is well" if not unsaid else f"{len(clauses) - unsaid} of {count(len(clauses), 'clause')} are well",
        f"{lasted}{often}. {delivery(health)}",
    )


def delivery(health: Facts) -> str:
    """Whether messages get through, in a sentence."""
    if health["problems"]:
        return str(health["problems"][0])
    if not health["channels"]:
        return "There is no channel: nobody is told anything."
    if not health["sidecars"]:
        return "No sidecar is at work: nobody is told anything."
    return "Checks run and messages get through."


def _wrong(clauses: Sequence[Facts]) -> str:
    """What is wrong: one clause with its number, or the names of several."""
    one, *others = clauses
    lacking = one["error_count"] + one["warn_count"]
    if others or not lacking:
        return names(clauses)
    return f"{one['invariant']}: {lacking:,} {one['subject_label']} without {one['missing_label']}"


def names(clauses: Sequence[Facts]) -> str:
    """The names of the first few."""
    shown = ", ".join(one["invariant"] for one in clauses[:3])
    return shown + (f" and {len(clauses) - 3} more" if len(clauses) > 3 else "")


def _since(clauses: Sequence[Facts], now: datetime) -> str:
    known = [one["since"] for one in clauses if one["since"]]
    return f", for {duration(now - min(known))}" if known else ""


def count(number: int, noun: str) -> str:
    """7 clauses, 1 clause."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def share(part: int, whole: int) -> str:
    """1.2 %, with a digit behind the point where it says something; a dash of nothing."""
    if not whole:
        return "–"
    value = 100 * part / whole
    return f"{value:.0f} %" if value >= 10 or value == 0 else f"{value:.1f} %"


def ago(moment: datetime | None, now: datetime) -> str:
    """3 min ago."""
    if moment is None:
        return "never"
    seconds = (now - moment).total_seconds()
    return "just now" if abs(seconds) < 1 else f"{duration(timedelta(seconds=round(seconds)))} ago"


def day_words(day: Facts, missing: str) -> str:
    """What a bar of a day says when it is pointed at."""
    alerts = day["warnings"] + day["errors"]
    told = f"{day['day']:%-d %b}: "
    told += f"{day['violations']:,} of {day['due']:,} without {missing}" if day["due"] else "nobody was due"
    return told + (f", {count(alerts, 'alert')}" if alerts else "")


def days_words(days: Sequence[Facts]) -> str:
    """What a row of days says to whoever does not see it."""
    bad = [day for day in days if day["errors"] or day["warnings"]]
    if not bad:
        return f"No alert in {count(len(days), 'day')}."
    return f"Alerts on {len(bad)} of {count(len(days), 'day')}, the last on {bad[-1]['day']:%-d %B}."


def evidence_rows(evidence: Facts) -> list[tuple[str, str]]:
    """What a rule decided by, one value a row."""
    return [
        (EVIDENCE_WORDS.get(name, name.replace("_", " ")), _value(name, value))
        for name, value in evidence.items()
        if value not in (None, [], {}, False)
    ]


def _value(name: str, value: Any) -> str:
    if isinstance(value, float) or (isinstance(value, int) and name in RATES):
        return (
            share(round(value * 1000), 1000) if name in RATES else f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"
        )
    if isinstance(value, dict):
        return ", ".join(f"{inner.replace('_', ' ')} {_value(inner, of)}" for inner, of in value.items())
    if isinstance(value, list):
        return "; ".join(_value(name, inner) for inner in value)
    return re.sub(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)\S*", r"\1 \2 UTC", str(value))
