"""Prints messages instead of sending them, as they would appear in the chat."""

from __future__ import annotations

import itertools

from ghostwatch.notifier.messages import Text
from ghostwatch.notifier.messenger import ButtonsFor
from ghostwatch.notifier.text import clean


class Terminal:
    """Stands in for Telegram with --terminal."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    async def who_am_i(self) -> str:
        """No bot at all."""
        return "terminal"

    async def send(
        self,
        chat_id: int,
        thread_id: int | None,
        text: Text,
        reply_to: int | None,
        *,
        html: bool,
        silent: bool = False,
        buttons_for: ButtonsFor | None = None,
    ) -> int:
        """Prints a message."""
        number = next(self._numbers)
        topic = f", topic {thread_id}" if thread_id else ""
        reply = f", in reply to {reply_to}" if reply_to else ""
        show(f"message {number} to chat {chat_id}{topic}{reply}", text)
        return number

    async def edit(
        self, chat_id: int, message_id: int, text: Text, *, html: bool, buttons_for: ButtonsFor | None = None
    ) -> None:
        """Prints what a message would have become."""
        show(f"message {message_id} in chat {chat_id} now reads", text)

    async def close(self) -> None:
        """Nothing to let go of."""


def show(heading: str, text: Text) -> None:
    """Prints one message."""
    # What users call themselves must not command the terminal.
    lines = (clean(line) for line in text.plain.splitlines())
    print(f"── {heading}", *lines, "", sep="\n", flush=True)
