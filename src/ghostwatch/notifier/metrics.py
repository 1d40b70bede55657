"""What Prometheus is told."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """The sidecar's metrics, in a registry of their own."""

    def __init__(self, version: str) -> None:
        self.registry = CollectorRegistry()
        gauge = self._gauge
        gauge("build_info", "Version of the sidecar; the value is always 1.", version=version).set(1)
        self._waiting = gauge("notifications_waiting", "Notifications in the outbox that are not sent yet.")
        self._events = gauge("events_waiting", "Events that are not gathered into a notification yet.")
        self._oldest = gauge("oldest_waiting_seconds", "Age of the oldest notification that is due; 0 if none.")
        self._failed = gauge("notifications_failed", "Notifications that were given up.")
        self._disabled = gauge("channels_disabled", "Channels that nothing can be sent to.")
        self._checks = gauge("checks_last_success_timestamp_seconds", "When a check last succeeded.")
        self._fresh = gauge("checks_fresh", "1 while checks succeed in time.")
        self._listening = gauge("listening", "1 while NOTIFY reaches the sidecar.")
        self._connected = gauge("database_connected", "1 while the database answers.")
        self._token = gauge("token_accepted", "1 while Telegram accepts the bot token.")
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
        """A notification was taken up: sent, retry, wait, failed or channel_disabled."""
        self._sends.labels(outcome).inc()
        self._seconds.observe(seconds)

    def heartbeat(self, row: dict[str, Any], age: float) -> None:
        """What the database said of outbox and checks."""
        self._waiting.set(row["notifications_waiting"])
        self._events.set(row["events_waiting"])
        self._oldest.set(age)
        self._failed.set(row["notifications_failed"])
        self._disabled.set(row["channels_disabled"])
        self._fresh.set(row["checks_fresh"])
        if row["checks_succeeded_at"] is not None:
            self._checks.set(row["checks_succeeded_at"].timestamp())

    def state(self, *, listening: bool, connected: bool, token: bool) -> None:
        """How the sidecar itself is."""
        self._listening.set(listening)
        self._connected.set(connected)
        self._token.set(token)

    def _gauge(self, name: str, help_text: str, **labels: str) -> Gauge:
        gauge = Gauge(f"ghostwatch_{name}", help_text, list(labels), registry=self.registry)
        return gauge.labels(**labels) if labels else gauge
