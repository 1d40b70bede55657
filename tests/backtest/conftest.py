"""The bot whose past is replayed."""

from tests.alert.conftest import bot as bot
