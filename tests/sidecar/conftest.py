"""A Bot API server on loopback, an outbox, and sidecars to empty it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.sidecar.process import Outbox, Sidecar, StartSidecar, environment_for
from tests.support.database import Database
from tests.support.fake_telegram import FakeTelegram


@pytest.fixture
def telegram() -> Iterator[FakeTelegram]:
    """A Bot API server without limits."""
    with FakeTelegram() as server:
        yield server


@pytest.fixture
def outbox(database: Database) -> Outbox:
    """An outbox to fill."""
    made = Outbox(database)
    made.prepare()
    return made


@pytest.fixture
def start_sidecar(database: Database, telegram: FakeTelegram, tmp_path: Path) -> Iterator[StartSidecar]:
    """Starts sidecars on the test's database."""
    numbers = itertools.count(1)
    with ExitStack() as stack:

        def start(dsn: str | None = None, *arguments: str, wait_for: str = "delivering", **settings: str) -> Sidecar:
            log = tmp_path / f"sidecar-{next(numbers)}.log"
            sidecar = Sidecar(dsn or database.dsn, log, environment_for(telegram, **settings), *arguments)
            stack.enter_context(sidecar)
            if wait_for:
                sidecar.wait_until_it_says(wait_for)
            return sidecar

        yield start
