"""What a notification is, what can send it, and what may go wrong. Knows no service in particular."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ghostwatch.notifier.messages import Text


@dataclass(frozen=True)
class ButtonsFor:
    """What the buttons under a message are about."""

    alert_id: int
    repairable: int = 0
    """How many subjects a repair can be asked for."""


@dataclass(frozen=True)
class Notification:
    """One claimed row of the outbox."""

    notification_id: int
    channel: str
    chat_id: int
    thread_id: int | None
    reason: str
    alert: Mapping[str, Any] | None
    payload: Mapping[str, Any]
    edit_message_id: int | None
    reply_to_message_id: int | None
    attempts: int
    buttons: bool
    as_of: datetime
    time_zone: str
    silent: bool
    wait: float

    @property
    def alert_id(self) -> int | None:
        """The alert that it is about, if it is about one."""
        return None if self.alert is None else int(self.alert["alert_id"])


@dataclass(frozen=True)
class Outcome:
    """What became of an attempt to send a notification, as it is reported to the database.

    result: sent, wait (as Telegram asked), retry, failed, or channel_closed.
    unconfirmed: the message may have arrived although no answer came.
    """

    result: str
    error: str | None = None
    message_id: int | None = None
    retry_after: float | None = None
    waits_for: str | None = None
    unconfirmed: bool = False


class MessengerProblem(Exception):
    """The messenger did not do what it was asked; the subclass says what follows from it."""


class Unreachable(MessengerProblem):
    """Network, time-out or a fault of the server: try again later.

    unconfirmed: the request was complete, so it may have been carried out.
    """

    def __init__(self, message: str, *, unconfirmed: bool = False) -> None:
        super().__init__(message)
        self.unconfirmed = unconfirmed


class TooFast(MessengerProblem):
    """Telegram asks to wait."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"asked to wait {retry_after:g} s")
        self.retry_after = retry_after


class TokenRefused(MessengerProblem):
    """The token is wrong or revoked: nothing can be sent at all."""


class Migrated(MessengerProblem):
    """The group has become a supergroup and has a new number."""

    def __init__(self, chat_id: int) -> None:
        super().__init__(f"the group is now {chat_id}")
        self.chat_id = chat_id


class ChatClosed(MessengerProblem):
    """Nothing reaches this chat until a person acts: the bot was removed or blocked, or may not write."""


class TopicGone(MessengerProblem):
    """The topic was deleted; the chat is still there."""

    state = "gone"


class TopicClosed(TopicGone):
    """The topic was closed; the chat is still there."""

    state = "closed"


class EditTargetGone(MessengerProblem):
    """The message to be edited is gone or too old."""


class NotParsed(MessengerProblem):
    """The markup of the text was not understood."""


class OtherReader(MessengerProblem):
    """Another process, or a webhook, reads the updates of this bot."""


class WebhookActive(OtherReader):
    """A webhook takes the updates of this bot, until somebody removes it."""


class Refused(MessengerProblem):
    """The text itself is not accepted."""


class Messenger(Protocol):
    """What can send and edit messages: Telegram, or a terminal.

    silent: whether the message makes no sound. buttons_for: the alert that the buttons under it are about.
    """

    async def who_am_i(self) -> str:
        """The bot's name; raises TokenRefused."""

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
        """Sends a message and returns its number."""

    async def edit(
        self, chat_id: int, message_id: int, text: Text, *, html: bool, buttons_for: ButtonsFor | None = None
    ) -> None:
        """Puts a new text into a message."""

    async def close(self) -> None:
        """Closes the connections."""
