"""A database whose bot's tables are adopted."""

from __future__ import annotations

import pytest

from tests.support.database import Database


@pytest.fixture
def bot(database: Database) -> Database:
    """A fresh database of a bot that runs onboarding.start()."""
    database.execute("SELECT FROM onboarding.adopt()")
    return database
