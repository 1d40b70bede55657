"""Puts the parts of the page together for the sidecar."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from ghostwatch.notifier.database import Database
from ghostwatch.notifier.metrics import Metrics
from ghostwatch.page import views
from ghostwatch.page.access import Access
from ghostwatch.page.metrics import ClauseMetrics
from ghostwatch.page.site import Site
from ghostwatch.page.source import Source
from ghostwatch.settings import Settings, page_path


def page(settings: Settings, metrics: Metrics) -> tuple[Site, Coroutine[Any, Any, None]]:
    """The page of a database, and what looks for changes until it is cancelled."""
    # A connection of its own: no message waits for a reader.
    database = Database(settings.page_dsn, f"ghostwatch {settings.worker} (page)")
    source = Source(database, views.overview(settings.page_time_zone))
    metrics.registry.register(ClauseMetrics(source))
    access = Access(
        settings.page_token,
        settings.page_proxy_header,
        https=(settings.public_url or "").startswith("https://"),
    )
    base = page_path(settings.instance) if settings.fleet else ""
    site = Site(source, access, settings.page_time_zone, settings.public_url, settings.instance, base)
    return site, source.run()
