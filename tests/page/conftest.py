"""An incident, a sidecar that serves the page, and a reader."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.page.incident import Incident
from tests.page.reader import TOKEN, Reader
from tests.sidecar.conftest import start_sidecar, telegram
from tests.sidecar.process import StartSidecar
from tests.support.cluster import free_port
from tests.support.database import Database

__all__ = ["start_sidecar", "telegram"]


@pytest.fixture
def incident(database: Database) -> Incident:
    """A bot that leaks."""
    return Incident.replay(database)


@pytest.fixture
def reader(database: Database, start_sidecar: StartSidecar) -> Iterator[Reader]:
    """Whoever knows the token."""
    port = free_port()
    sidecar = start_sidecar(http_port=str(port), page_token=TOKEN)
    yield Reader(port, sidecar)
    assert "Traceback" not in sidecar.output
    assert TOKEN not in sidecar.output
