"""The Bot API, and what its refusals mean. No error that leaves this module carries the token."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ghostwatch.notifier.messenger import (
    ButtonsFor,
    ChatClosed,
    EditTargetGone,
    MessengerProblem,
    Migrated,
    NotParsed,
    OtherReader,
    Refused,
    TokenRefused,
    TooFast,
    TopicClosed,
    TopicGone,
    Unreachable,
    WebhookActive,
)
from ghostwatch.notifier.text import clean, redact

if TYPE_CHECKING:
    import httpx

    from ghostwatch.notifier.messages import Text
    from ghostwatch.settings import Settings

GENERAL_TOPIC = 1
LONG_POLL = 25.0
BUTTONS = {"acknowledge": "👀 Acknowledge", "silence": "🔕 Silence 1 h", "details": "🔎 Details"}
# What a proxy answers that gave up waiting: the request may have been carried out behind it.
GAVE_UP_WAITING = (408, 504, 524)
# What the Bot API numbers by, and what the database can hold.
LARGEST_NUMBER = 2**63
# Telegram has never asked for more than some hours; the database asks it again after one.
LONGEST_WAIT = 86_400.0
LARGEST_ANSWER = 4 * 1024 * 1024

# Telegram has no codes for these: the beginning of the description is what there is.
BAD_REQUESTS: tuple[tuple[str, type[MessengerProblem]], ...] = (
    ("can't parse entities", NotParsed),
    ("message thread not found", TopicGone),
    ("topic_deleted", TopicGone),
    ("topic_id_invalid", TopicGone),
    ("topic_closed", TopicClosed),
    ("message to edit not found", EditTargetGone),
    ("message can't be edited", EditTargetGone),
    ("message_id_invalid", EditTargetGone),
    ("message is too long", Refused),
    ("message_too_long", Refused),
    ("message text is empty", Refused),
    ("text must be non-empty", Refused),
    ("text must be encoded in utf-8", Refused),
    ("entity_bounds_invalid", Refused),
    ("entities_too_long", Refused),
    ("button_data_invalid", Refused),
    ("can't parse reply", Refused),
)


@dataclass(frozen=True)
class Press:
    """A button that was pressed."""

    query_id: str
    chat_id: int
    user_id: int
    user_name: str
    action: str
    alert_id: int
    instance: str = ""


class Telegram:
    """Sends and edits messages."""

    def __init__(self, settings: Settings) -> None:
        # A tenth of a second that only a process pays that really sends.
        import httpx

        assert settings.token is not None
        self._secrets = settings.secrets
        self._instance = ""
        self._timeout = settings.send_timeout
        self._base = f"{settings.api_url}/bot{settings.token}/"
        self._http: httpx.AsyncClient = httpx.AsyncClient(
            timeout=self._timeout,
            limits=httpx.Limits(max_connections=40, max_keepalive_connections=40),
            # A redirect would take the token to wherever it points.
            follow_redirects=False,
        )

    def of(self, instance: str) -> Telegram:
        """The same bot, whose buttons say which database of a fleet their alerts are of."""
        other = copy.copy(self)
        other._instance = instance
        return other

    async def who_am_i(self) -> str:
        """The bot's user name; TokenRefused if the token is not good."""
        bot = await self._call("getMe", {})
        return clean(str(bot.get("username", ""))) if isinstance(bot, dict) else ""

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
        """Sends a message and returns its number; a reply whose target is gone is sent all the same."""
        message = await self._call(
            "sendMessage",
            {
                "chat_id": chat_id,
                **self._content(text, html=html, buttons_for=buttons_for),
                "disable_notification": True if silent else None,
                # The General topic is the chat itself and must not be named.
                "message_thread_id": None if thread_id == GENERAL_TOPIC else thread_id,
                "reply_parameters": None
                if reply_to is None
                else {"message_id": reply_to, "allow_sending_without_reply": True},
            },
        )
        match message:
            case {"message_id": int(number)} if 0 < number < LARGEST_NUMBER:
                return number
        raise Unreachable("the answer names no message", unconfirmed=True)

    async def edit(
        self, chat_id: int, message_id: int, text: Text, *, html: bool, buttons_for: ButtonsFor | None = None
    ) -> None:
        """Puts a new text into a message; that it was there already is as good."""
        await self._call(
            "editMessageText",
            {
                "chat_id": chat_id,
                "message_id": message_id,
                **self._content(text, html=html, buttons_for=buttons_for),
            },
        )

    async def updates(self, offset: int) -> list[Any]:
        """Waits for updates, of whatever shape they are; OtherReader if another program reads this bot's."""
        updates = await self._call(
            "getUpdates",
            {"offset": offset, "timeout": int(LONG_POLL), "allowed_updates": ["callback_query"]},
            LONG_POLL + self._timeout,
        )
        return updates if isinstance(updates, list) else []

    async def answer(self, query_id: str, text: str) -> None:
        """Answers whoever pressed a button."""
        await self._call("answerCallbackQuery", {"callback_query_id": query_id, "text": text})

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def _call(self, method: str, fields: Mapping[str, object], seconds: float | None = None) -> Any:
        """Calls a method and returns its result; every problem is one of ours, redacted and without its cause."""
        import httpx

        data = {name: _encoded(value) for name, value in fields.items() if value is not None}
        try:
            # The client's own time-outs are per step: a server that trickles would outlast them all.
            async with (
                asyncio.timeout(seconds or self._timeout),
                self._http.stream("POST", self._base + method, data=data, timeout=seconds or self._timeout) as response,
            ):
                body = b""
                async for part in response.aiter_bytes():
                    body += part
                    if len(body) > LARGEST_ANSWER:
                        raise Unreachable("the answer is too long", unconfirmed=True)
                status = response.status_code
        except (TimeoutError, httpx.ReadTimeout):
            problem: MessengerProblem = Unreachable("no answer within the time-out", unconfirmed=True)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.WriteError, httpx.WriteTimeout) as e:
            problem = Unreachable(f"no connection ({type(e).__name__})")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # The text of such errors may quote the URL.
            problem = Unreachable(f"the connection was lost ({type(error).__name__})", unconfirmed=True)
        else:
            answer = _verdict(body)
            if answer is None:
                page = body[:300].decode("utf-8", "replace")
                problem = Unreachable(
                    self._redacted(f"not an answer of the Bot API: HTTP {status} {page}"),
                    unconfirmed=status in GAVE_UP_WAITING or status == 200,
                )
            elif answer["ok"]:
                return answer["result"]
            else:
                meaning = _meaning_of(answer, self._redacted(str(answer.get("description", ""))))
                if meaning is None:
                    return None
                problem = meaning
        raise problem from None

    def _content(self, text: Text, *, html: bool, buttons_for: ButtonsFor | None) -> dict[str, object]:
        return {
            "text": text.html if html else text.plain,
            "parse_mode": "HTML" if html else None,
            "link_preview_options": {"is_disabled": True},
            "reply_markup": None if buttons_for is None else _keyboard(buttons_for, self._instance),
        }

    def _redacted(self, text: str) -> str:
        return clean(redact(text, self._secrets), 200)


def _encoded(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _verdict(body: bytes) -> dict[str, Any] | None:
    """The Bot API's own answer; None for anything that only stands between us and it."""
    try:
        answer: dict[str, Any] = json.loads(body)
    except (ValueError, RecursionError):
        return None
    match answer:
        case {"ok": True, "result": _}:
            return answer
        case {"ok": False, "error_code": int(), "description": str()}:
            return answer
    return None


def _meaning_of(answer: dict[str, Any], said: str) -> MessengerProblem | None:
    """What a refusal of the Bot API means; None for one that is as good as success."""
    match answer:
        case {"parameters": {"retry_after": int() | float() as seconds}} if seconds > 0:
            return TooFast(float(min(seconds, LONGEST_WAIT)))
        case {"parameters": {"migrate_to_chat_id": int(chat_id)}} if _number(chat_id) != 0:
            return Migrated(chat_id)
        case {"error_code": 401 | 404}:
            return TokenRefused(said)
        case {"error_code": 409}:
            return WebhookActive(said) if "webhook" in said.lower() else OtherReader(said)
        case {"error_code": 403}:
            return ChatClosed(said)
        case {"error_code": 413}:
            return Refused(said)
        case {"error_code": 400}:
            lower = said.lower()
            if "message is not modified" in lower:
                return None
            # An unknown error concerns the chat: its channel is closed, and its alerts wait.
            return next((problem for beginning, problem in BAD_REQUESTS if beginning in lower), ChatClosed)(said)
    return Unreachable(said)


def _keyboard(subject: ButtonsFor, instance: str) -> dict[str, object]:
    suffix = f"@{instance}" if instance else ""
    rows = [BUTTONS]
    if subject.repairable:
        rows.append({"repair": f"🔧 Repair {subject.repairable:,}"})
    return {
        "inline_keyboard": [
            [{"text": label, "callback_data": f"{action}:{subject.alert_id}{suffix}"} for action, label in row.items()]
            for row in rows
        ]
    }


def press_of(update: object) -> Press | None:
    """The button that an update says was pressed; None for an update of any other shape."""
    match update:
        case {"callback_query": {"id": str(query_id), "from": {"id": int(user_id)} as user} as query}:
            message = query.get("message")
            chat = message.get("chat") if isinstance(message, dict) else None
            chat_id = chat.get("id") if isinstance(chat, dict) else None
            data = query.get("data")
            asked, _, instance = (data if isinstance(data, str) else "").partition("@")
            action, _, alert_id = asked.partition(":")
            return Press(
                query_id=query_id,
                chat_id=_number(chat_id),
                user_id=_number(user_id),
                user_name=_name_of(user),
                action=clean(action, 64),
                # What a client sends need not be what a button said.
                alert_id=int(alert_id) if alert_id.isascii() and alert_id.isdigit() and len(alert_id) < 19 else 0,
                instance=clean(instance, 64),
            )
    return None


def _number(value: object) -> int:
    return value if isinstance(value, int) and abs(value) < LARGEST_NUMBER else 0


def _name_of(user: Mapping[str, object]) -> str:
    username = user.get("username")
    if isinstance(username, str) and username:
        return clean(f"@{username}", 64)
    names = (user.get("first_name"), user.get("last_name"))
    return clean(" ".join(name for name in names if isinstance(name, str)), 64) or "unknown"
