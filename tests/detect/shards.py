"""The bot whose users and reactions are spread over two shards."""

from __future__ import annotations

from tests.detect.bot import Bot, call

BOUNDS = (0, 50_000, 100_000)


def declare(bot: Bot, subject: str = '"user"') -> None:
    """Every user gets a reaction."""
    call(bot.database.connection, "declare_contract", {"name": "onboarding", "subject": subject, "unique_key": True})
    call(
        bot.database.connection,
        "declare_invariant",
        {"contract": "onboarding", "name": "first_meme", "related": "reaction", "related_key_column": "user_id"},
    )
