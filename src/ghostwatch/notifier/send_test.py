"""Proves token, chat and topic with one message, and explains in words what is wrong."""

from __future__ import annotations

import asyncio

from ghostwatch.errors import CommandError
from ghostwatch.notifier import queries
from ghostwatch.notifier.database import Database, DatabaseUnavailable
from ghostwatch.notifier.logs import set_up
from ghostwatch.notifier.messages import Renderer
from ghostwatch.notifier.messenger import (
    ChatClosed,
    MessengerProblem,
    Migrated,
    TokenRefused,
    TopicGone,
    Unreachable,
)
from ghostwatch.notifier.telegram import Telegram
from ghostwatch.settings import Settings


def send_test(settings: Settings, channel: str | None, chat_id: int | None, thread_id: int | None) -> list[str]:
    """Sends a test message to a channel, or to a chat; returns what to print."""
    set_up(settings)
    return asyncio.run(_send_test(settings, channel, chat_id, thread_id))


async def _send_test(settings: Settings, channel: str | None, chat_id: int | None, thread_id: int | None) -> list[str]:
    if chat_id is None:
        chat_id, thread_id = await _address(settings, str(channel))
    telegram = Telegram(settings)
    try:
        bot = await telegram.who_am_i()
        text = Renderer(settings.templates).of(settings.instance, settings.public_url).test_message()
        number = await telegram.send(chat_id, thread_id, text, None, html=True)
    except MessengerProblem as problem:
        explanation = _explain(problem, settings, chat_id, thread_id)
        source = "" if isinstance(problem, Unreachable) else "Telegram says: "
        raise CommandError(f"{explanation} ({source}{problem})") from None
    finally:
        await telegram.close()
    where = f"chat {chat_id}" + (f", topic {thread_id}" if thread_id else "")
    return [f"the token is good: it belongs to @{bot}", f"sent to {where} as message {number}"]


async def _address(settings: Settings, channel: str) -> tuple[int, int | None]:
    database = Database(settings.dsn, "ghostwatch send-test")
    try:
        (row,) = await database.call(queries.ADDRESS, {"channel": channel})
    except DatabaseUnavailable as error:
        raise CommandError(str(error)) from None
    finally:
        await database.close()
    return row["chat_id"], row["thread_id"]


def _explain(problem: MessengerProblem, settings: Settings, chat_id: int, thread_id: int | None) -> str:
    match problem:
        case TokenRefused():
            return "the bot token is wrong or was revoked: ask @BotFather for the present one"
        case ChatClosed():
            return (
                f"the bot cannot write to chat {chat_id}: is the number right (groups are negative, "
                "supergroups begin with -100), is the bot a member, and may it write?"
            )
        case TopicGone():
            return f"topic {thread_id} of chat {chat_id} is {problem.state}"
        case Migrated():
            return f"the group {chat_id} has become the supergroup {problem.chat_id}: use that number"
        case Unreachable():
            return f"{settings.api_url} does not answer: is the network there, and the API URL right?"
        case _:
            return "Telegram refused the message"
