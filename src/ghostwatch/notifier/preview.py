"""Prints what the sidecar would send now. Nothing is sent, claimed or counted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ghostwatch.errors import CommandError
from ghostwatch.notifier import queries
from ghostwatch.notifier.database import Database, DatabaseUnavailable
from ghostwatch.notifier.logs import set_up
from ghostwatch.notifier.messages import Renderer
from ghostwatch.notifier.messenger import Notification
from ghostwatch.notifier.service import advice
from ghostwatch.notifier.terminal import show
from ghostwatch.settings import Settings


def preview(fleet_settings: Sequence[Settings]) -> int:
    """Prints the messages of each database; returns the exit code."""
    set_up(fleet_settings[0])
    renderer = Renderer(fleet_settings[0].templates)
    found = False
    for settings in fleet_settings:
        for notification in asyncio.run(_read(settings)):
            found = True
            show(_heading(notification), renderer.of(settings.instance, settings.public_url).render(notification))
    if not found:
        print("nothing would be sent now")
    return 0


async def _read(settings: Settings) -> list[Notification]:
    database = Database(settings.dsn, "ghostwatch notify --dry-run")
    try:
        return [_notification(row["message"]) for row in await database.call(queries.PREVIEW)]
    except DatabaseUnavailable as error:
        raise CommandError(f"the outbox cannot be reached: {error}{advice(error.sqlstate)}") from None
    finally:
        await database.close()


def _notification(message: dict[str, Any]) -> Notification:
    return Notification(**message | {"as_of": datetime.fromisoformat(message["as_of"])})


def _heading(notification: Notification) -> str:
    topic = f", topic {notification.thread_id}" if notification.thread_id else ""
    where = f"{notification.channel} (chat {notification.chat_id}{topic})"
    if notification.edit_message_id is not None:
        return f"{_message(notification.edit_message_id)} in {where} would read"
    reply = notification.reply_to_message_id
    return f"notification {notification.notification_id} to {where}" + (
        "" if reply is None else f", in reply to {_message(reply)}"
    )


def _message(number: int) -> str:
    # A message that is only part of the preview has the negative number of its notification.
    return f"message {number}" if number > 0 else f"notification {-number}"
