"""What Prometheus may ask for. What the database said is shown only while it is fresh."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

# A few heartbeats may be late before a number is not the present one any more.
FRESH_FOR = 60.0

OF_THE_DATABASE = {
    "notifications_waiting": "Notifications in the outbox that are not sent yet.",
    "events_waiting": "Events that are not gathered into a notification yet.",
    "oldest_waiting_seconds": "How long the oldest notification has waited that should have been sent; 0 if none.",
    "notifications_failed": "Notifications that were given up.",
    "channels_disabled": "Channels that nothing can be sent to.",
    "checks_last_success_timestamp_seconds": "When checks of the contract that is furthest behind last succeeded.",
    "checks_fresh": "1 while the checks of every contract succeed in time.",
    "problems": "How many things keep alerts back; /readyz names each.",
}

# What ghostwatch.metrics() returns: the labels of each, and its description. Names that end in _total are counters.
BY_LABEL: Final = {
    "subjects_due_total": (
        ("contract", "invariant", "branch_family"),
        "Subjects that check runs have judged at their deadline.",
    ),
    "subjects_violated_total": (
        ("contract", "invariant", "branch_family"),
        "Subjects among them that were in violation.",
    ),
    "outbox_notifications": (("state",), "Notifications in the outbox by state: pending, claimed, or failed for good."),
    "channel_open": (("channel",), "1 while messages can be sent to the channel."),
}


class _OfTheDatabase(Collector):
    """What the last heartbeat returned; nothing at all once that is long ago."""

    def __init__(self) -> None:
        self.values: dict[str, float | None] = {}
        self.samples: list[dict[str, Any]] = []
        self.reported_at = 0.0

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        if not self.values or time.monotonic() - self.reported_at > FRESH_FOR:
            return
        for name, description in OF_THE_DATABASE.items():
            if (value := self.values[name]) is not None:
                yield GaugeMetricFamily(f"ghostwatch_{name}", description, value=value)
        for name, (labels, description) in BY_LABEL.items():
            kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
            family = kind(f"ghostwatch_{name}", description, labels=labels)
            for sample in self.samples:
                if sample["name"] == name:
                    family.add_metric([sample["labels"][label] for label in labels], sample["value"])
            yield family


class Metrics:
    """The sidecar's metrics, in a registry of their own."""

    def __init__(self, version: str) -> None:
        self.registry = CollectorRegistry()
        self._of_the_database = _OfTheDatabase()
        self.registry.register(self._of_the_database)
        gauge = self._gauge
        gauge("build_info", "Version of the sidecar; the value is always 1.", version=version).set(1)
        self._listening = gauge("listening", "1 while NOTIFY reaches the sidecar.")
        self._connected = gauge("database_connected", "1 while the database answers.")
        self._token = gauge("token_accepted", "1 while Telegram accepts the bot token.")
        self._reachable = gauge("telegram_reachable", "1 while Telegram answers.")
        self._sends = Counter(
            "ghostwatch_sends", "Notifications taken up, by outcome.", ["outcome"], registry=self.registry
        )
        self._seconds = Histogram(
            "ghostwatch_send_duration_seconds",
            "Time from the claim of a notification to its report.",
            registry=self.registry,
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
        )

    def sent(self, outcome: str, seconds: float) -> None:
        """A notification was taken up: sent, retry, wait, failed or channel_closed."""
        self._sends.labels(outcome).inc()
        self._seconds.observe(seconds)

    def heartbeat(self, row: dict[str, Any], samples: list[dict[str, Any]]) -> None:
        """What the database said of outbox and checks: in one row, and by branch family, state and channel."""
        succeeded_at = row["checks_succeeded_at"]
        self._of_the_database.values = {
            "notifications_waiting": row["notifications_waiting"],
            "events_waiting": row["events_waiting"],
            "oldest_waiting_seconds": row["oldest_waiting_seconds"],
            "notifications_failed": row["notifications_failed"],
            "channels_disabled": row["channels_disabled"],
            "checks_last_success_timestamp_seconds": succeeded_at.timestamp() if succeeded_at else None,
            "checks_fresh": row["checks_fresh"],
            "problems": len(row["problems"]),
        }
        self._of_the_database.samples = samples
        self._of_the_database.reported_at = time.monotonic()

    def database_gone(self) -> None:
        """What it said last is not true any more."""
        self._of_the_database.values = {}

    def state(self, *, listening: bool, connected: bool, token: bool, reachable: bool) -> None:
        """How the sidecar itself is."""
        self._listening.set(listening)
        self._connected.set(connected)
        self._token.set(token)
        self._reachable.set(reachable)

    def _gauge(self, name: str, help_text: str, **labels: str) -> Gauge:
        gauge = Gauge(f"ghostwatch_{name}", help_text, list(labels), registry=self.registry)
        return gauge.labels(**labels) if labels else gauge
