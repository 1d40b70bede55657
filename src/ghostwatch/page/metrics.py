"""Metrics of each clause, from what the page knows; nothing at all where that is not of now."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ghostwatch.page.source import NOTE_EVERY, Source

# One note may be missed.
FRESH_FOR = timedelta(seconds=2 * NOTE_EVERY + 15)


class ClauseMetrics(Collector):
    """How every clause stands. There are as many series as clauses, a few times over."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """What the database stated last, if that is fresh."""
        known = self._source.noted()
        if known.facts is None or known.taken_at is None or datetime.now(UTC) - known.taken_at > FRESH_FOR:
            return
        names = ["contract", "invariant"]
        violations = GaugeMetricFamily(
            "ghostwatch_open_violations",
            "Subjects that lack what the clause requires, by state: warn or error.",
            labels=[*names, "state"],
        )
        firing = GaugeMetricFamily(
            "ghostwatch_alert_firing", "1 while an alert of the clause fires, by severity.", labels=[*names, "severity"]
        )
        succeeded = GaugeMetricFamily(
            "ghostwatch_check_last_success_timestamp_seconds", "When the clause was last checked.", labels=names
        )
        lag = GaugeMetricFamily(
            "ghostwatch_watermark_lag_seconds", "How far the checks of the clause are behind.", labels=names
        )
        due = GaugeMetricFamily(
            "ghostwatch_due_today", "Subjects born today that came to their deadline, in the page's day.", labels=names
        )
        violated = GaugeMetricFamily("ghostwatch_violated_today", "Those of them that were in violation.", labels=names)
        for clause in known.facts["clauses"]:
            name = [clause["contract"], clause["invariant"]]
            for state in ("warn", "error"):
                violations.add_metric([*name, state], clause[f"{state}_count"])
                firing.add_metric([*name, state], clause["alert_severity"] == state)
            if clause["last_success_at"] is not None:
                succeeded.add_metric(name, clause["last_success_at"].timestamp())
            lag.add_metric(name, clause["watermark_lag"].total_seconds())
            due.add_metric(name, clause["days"][-1]["due"])
            violated.add_metric(name, clause["days"][-1]["violations"])
        yield from (violations, firing, succeeded, lag, due, violated)
