"""The bot that the tests of detection watch."""

from __future__ import annotations

import pytest

from tests.detect.bot import Bot
from tests.support.database import Database


@pytest.fixture
def bot(database: Database) -> Bot:
    """The tables of a bot at noon, its contract declared."""
    bot = Bot.create(database)
    bot.declare()
    return bot
