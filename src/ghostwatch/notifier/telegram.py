"""The Bot API, and what its refusals mean. No error that leaves this module carries the token."""

from __future__ import annotations

import asyncio
import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from telegram import Bot

    from ghostwatch.notifier.messages import Text
    from ghostwatch.settings import Settings

GENERAL_TOPIC = 1
LONG_POLL = 25.0
BUTTONS = {"acknowledge": "👀 Acknowledge", "silence": "🔕 Silence 1 h", "details": "🔎 Details"}


class TelegramProblem(Exception):
    """The Bot API did not do what was asked; the subclass says what follows from it."""


class Unreachable(TelegramProblem):
    """Network, time-out or a server's fault: it may have arrived or not; try again later."""


class TooFast(TelegramProblem):
    """Told to wait."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"told to wait {retry_after:g} s")
        self.retry_after = retry_after


class TokenRefused(TelegramProblem):
    """The token is wrong or revoked: nothing can be sent at all."""


class Migrated(TelegramProblem):
    """The group has become a supergroup and has a new number."""

    def __init__(self, chat_id: int) -> None:
        super().__init__(f"the group is now {chat_id}")
        self.chat_id = chat_id


class ChatGone(TelegramProblem):
    """Kicked, blocked, deleted or never added: nothing reaches this chat until somebody acts."""


class TopicGone(TelegramProblem):
    """The topic was deleted; the chat is still there."""


class EditTargetGone(TelegramProblem):
    """The message to be edited is gone or too old."""


class NotParsed(TelegramProblem):
    """The text's HTML was not understood."""


class OtherReader(TelegramProblem):
    """Somebody else reads the bot's updates: another process with this token, or a webhook."""


class Refused(TelegramProblem):
    """This message will never be accepted."""


# Telegram has no codes for these: the beginning of the description is what there is.
BAD_REQUESTS: tuple[tuple[str, type[TelegramProblem]], ...] = (
    ("can't parse entities", NotParsed),
    ("message thread not found", TopicGone),
    ("topic_deleted", TopicGone),
    ("topic_closed", TopicGone),
    ("message to edit not found", EditTargetGone),
    ("message can't be edited", EditTargetGone),
    ("message_id_invalid", EditTargetGone),
    ("chat not found", ChatGone),
    ("chat_write_forbidden", ChatGone),
    ("have no rights to send", ChatGone),
    ("not enough rights to send", ChatGone),
    ("need administrator rights", ChatGone),
    ("bot was kicked", ChatGone),
    ("bot is not a member", ChatGone),
    ("bot was blocked", ChatGone),
    ("user is deactivated", ChatGone),
    ("group chat was deactivated", ChatGone),
    ("group chat was deleted", ChatGone),
    ("peer_id_invalid", ChatGone),
)


@dataclass(frozen=True)
class Press:
    """A button that somebody pressed."""

    update_id: int
    query_id: str
    chat_id: int
    user_id: int
    user_name: str
    action: str
    alert_id: int


class Telegram:
    """Sends and edits messages."""

    def __init__(self, settings: Settings) -> None:
        # Half a second and several MiB that a process pays only when it really sends.
        from telegram import Bot
        from telegram.request import HTTPXRequest

        assert settings.token is not None
        self._timeout = settings.send_timeout
        self._request = HTTPXRequest(
            connection_pool_size=32,
            connect_timeout=self._timeout,
            read_timeout=self._timeout,
            write_timeout=self._timeout,
            pool_timeout=self._timeout,
        )
        self._bot: Bot = Bot(
            settings.token,
            base_url=f"{settings.api_url}/bot",
            base_file_url=f"{settings.api_url}/file/bot",
            request=self._request,
            get_updates_request=self._request,
        )

    async def who_am_i(self) -> str:
        """The bot's user name; TokenRefused if the token is not good."""
        return str((await self._call(self._bot.get_me())).username)

    async def send(
        self,
        chat_id: int,
        thread_id: int | None,
        text: Text,
        reply_to: int | None,
        *,
        html: bool,
        buttons_for: int | None = None,
    ) -> int:
        """Sends a message and returns its number; a reply whose target is gone is sent all the same."""
        from telegram import LinkPreviewOptions, ReplyParameters

        message = await self._call(
            self._bot.send_message(
                chat_id,
                text.html if html else text.plain,
                parse_mode="HTML" if html else None,
                # The General topic is the chat itself and must not be named.
                message_thread_id=None if thread_id == GENERAL_TOPIC else thread_id,
                reply_parameters=(
                    None if reply_to is None else ReplyParameters(reply_to, allow_sending_without_reply=True)
                ),
                link_preview_options=LinkPreviewOptions(is_disabled=True),
                reply_markup=_keyboard(buttons_for),
            )
        )
        return int(message.message_id)

    async def edit(
        self, chat_id: int, message_id: int, text: Text, *, html: bool, buttons_for: int | None = None
    ) -> None:
        """Puts a new text into a message; that it was there already is as good."""
        from telegram import LinkPreviewOptions

        await self._call(
            self._bot.edit_message_text(
                text.html if html else text.plain,
                chat_id,
                message_id,
                parse_mode="HTML" if html else None,
                link_preview_options=LinkPreviewOptions(is_disabled=True),
                reply_markup=_keyboard(buttons_for),
            )
        )

    async def presses(self, offset: int) -> list[Press]:
        """Waits for buttons to be pressed; OtherReader if somebody else reads this bot's updates."""
        updates = await self._call(
            self._bot.get_updates(
                offset=offset,
                timeout=int(LONG_POLL),
                read_timeout=LONG_POLL + self._timeout,
                allowed_updates=["callback_query"],
            ),
            LONG_POLL + self._timeout,
        )
        return [_press(update) for update in updates]

    async def answer(self, query_id: str, text: str) -> None:
        """Tells whoever pressed a button what came of it."""
        await self._call(self._bot.answer_callback_query(query_id, text))

    async def close(self) -> None:
        """Closes the connections."""
        await self._request.shutdown()

    async def _call(self, request: Awaitable[Any], seconds: float | None = None) -> Any:
        """Awaits a request within the time-out and turns its errors into ours, without their causes."""
        from telegram.error import TelegramError

        try:
            # The library's own time-outs are per step: a server that trickles would outlast the lease.
            async with asyncio.timeout(seconds or self._timeout):
                return await request
        except TimeoutError:
            problem: TelegramProblem = Unreachable("no answer within the time-out")
        except TelegramError as error:
            meaning = _meaning_of(error)
            if meaning is None:
                return None
            problem = meaning
        raise problem from None


def _meaning_of(error: Any) -> TelegramProblem | None:
    """What an error of the library means; None for one that is as good as success."""
    from telegram import error as errors

    said = str(error.message)
    match error:
        case errors.RetryAfter():
            seconds = error.retry_after
            return TooFast(seconds.total_seconds() if isinstance(seconds, datetime.timedelta) else seconds)
        case errors.ChatMigrated():
            return Migrated(error.new_chat_id)
        case errors.InvalidToken():
            return TokenRefused(said)
        case errors.Conflict():
            return OtherReader(said)
        case errors.Forbidden():
            return ChatGone(said)
        case errors.BadRequest():
            if "message is not modified" in said.lower():
                return None
            for beginning, problem in BAD_REQUESTS:
                if beginning in said.lower():
                    return problem(said)
            return Refused(said)
        case errors.TimedOut():
            return Unreachable("no answer within the time-out")
        case errors.NetworkError():
            # The text of connection errors quotes the URL or the library's inner workings.
            return Unreachable(said.partition(":")[0] if "httpx" in said else said)
        case _:
            return Unreachable(said)


def _keyboard(alert_id: int | None) -> Any:
    from telegram import InlineKeyboardButton, InlineKeyboardMarkup

    if alert_id is None:
        return None
    return InlineKeyboardMarkup.from_row(
        [InlineKeyboardButton(label, callback_data=f"{action}:{alert_id}") for action, label in BUTTONS.items()]
    )


def _press(update: Any) -> Press:
    query = update.callback_query
    user = query.from_user
    action, _, alert_id = (query.data or "").partition(":")
    return Press(
        update_id=update.update_id,
        query_id=query.id,
        chat_id=query.message.chat.id if query.message else 0,
        user_id=user.id,
        user_name=f"@{user.username}" if user.username else user.full_name,
        action=action,
        # What a client sends need not be what a button said.
        alert_id=int(alert_id) if alert_id.isdecimal() and len(alert_id) < 19 else 0,
    )
