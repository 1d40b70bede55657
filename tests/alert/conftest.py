"""The bot whose alerts are watched, and the channel that gets their messages."""

from __future__ import annotations

import pytest

from tests.detect.bot import Bot
from tests.support.database import Database


@pytest.fixture
def bot(database: Database) -> Bot:
    """The tables of a bot at noon, its contract declared, a channel, and one check run."""
    bot = Bot.create(database)
    bot.declare()
    database.execute("SELECT ghostwatch.add_channel('admins', -1001)")
    bot.run()
    return bot
