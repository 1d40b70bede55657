"""/healthz, /readyz and /metrics, for whoever looks from outside."""

from __future__ import annotations

import json
from typing import Any, Protocol

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from ghostwatch.notifier.http import Handler, Request, Response, Stream, plain


class Reporter(Protocol):
    """Knows how it is: a watch, or a fleet."""

    def report(self) -> dict[str, Any]:
        """What is alive, and what keeps alerts back."""


class Measured(Protocol):
    """Has metrics."""

    @property
    def registry(self) -> Collector:
        """What collects them."""


class HealthPages:
    """Answers what it knows, and leaves the rest to another handler, if there is one."""

    def __init__(self, watch: Reporter, metrics: Measured, otherwise: Handler | None = None) -> None:
        self._watch = watch
        self._metrics = metrics
        self._otherwise = otherwise

    async def answer(self, request: Request) -> Response | Stream:
        """Answers a request."""
        path = request.target.partition("?")[0]
        known = path in ("/healthz", "/readyz", "/metrics")
        if not known and self._otherwise is not None:
            return await self._otherwise(request)
        if request.method not in ("GET", "HEAD"):
            return plain(405, "GET")
        if not known:
            return plain(404, "/healthz, /readyz, /metrics")
        if path == "/metrics":
            return Response(200, CONTENT_TYPE_LATEST, generate_latest(self._metrics.registry))
        report = self._watch.report()
        good = report["alive"] and (path == "/healthz" or not report["problems"])
        return Response(200 if good else 503, "application/json", json.dumps(report).encode() + b"\n")
