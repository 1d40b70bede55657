"""/healthz, /readyz and /metrics, for whoever looks from outside."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from ghostwatch.errors import CommandError
from ghostwatch.notifier.metrics import Metrics
from ghostwatch.notifier.watch import Watch


@contextmanager
def serving(host: str, port: int, watch: Watch, metrics: Metrics) -> Iterator[None]:
    """Serves in a thread of its own while the context lasts."""
    try:
        server = make_server(host, port, _application(watch, metrics), ThreadingWSGIServer, _Silent)
    except OSError as error:
        raise CommandError(f"cannot listen on {host}:{port} (GHOSTWATCH_HTTP_PORT): {error.strerror}") from None
    thread = threading.Thread(target=server.serve_forever, name="health", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


class _Silent(WSGIRequestHandler):
    """A probe every few seconds is not worth a log line."""

    timeout = 5

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


def _application(watch: Watch, metrics: Metrics) -> Callable[..., Iterable[bytes]]:
    metrics_page: Callable[..., Iterable[bytes]] = make_wsgi_app(metrics.registry)

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        report = watch.report()
        match environ["PATH_INFO"]:
            case "/metrics":
                return metrics_page(environ, start_response)
            case "/healthz":
                good = report["alive"]
            case "/readyz":
                good = report["alive"] and not report["problems"]
            case _:
                start_response("404 Not Found", [("Content-Type", "text/plain")])
                return [b"/healthz, /readyz, /metrics\n"]
        status = "200 OK" if good else "503 Service Unavailable"
        start_response(status, [("Content-Type", "application/json")])
        return [json.dumps(report).encode() + b"\n"]

    return application
