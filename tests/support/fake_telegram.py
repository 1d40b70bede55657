"""A Bot API server on loopback: it keeps what it is sent, complains as Telegram does, and misbehaves on request."""

from __future__ import annotations

import html
import json
import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

TOKEN = "1234567:fake_Token-of-the-test-suite-0123456789"
ALLOWED_TAGS = {"b", "i", "u", "s", "a", "code", "pre", "tg-spoiler", "blockquote"}


@dataclass(frozen=True)
class Request:
    """One call of a method."""

    method: str
    fields: dict[str, Any]
    at: float
    answer: dict[str, Any]

    @property
    def ok(self) -> bool:
        """Whether it was granted."""
        return bool(self.answer.get("ok"))

    @property
    def chat_id(self) -> int:
        """The chat it was for."""
        return int(self.fields.get("chat_id", 0))

    @property
    def text(self) -> str:
        """The text as it was sent, with its markup."""
        return str(self.fields.get("text", ""))

    @property
    def message_id(self) -> int:
        """The message that it became or changed."""
        return int(self.answer["result"]["message_id"])


def refusal(code: int, description: str, **parameters: int) -> dict[str, Any]:
    """An answer that says no."""
    answer: dict[str, Any] = {"ok": False, "error_code": code, "description": description}
    return answer | ({"parameters": parameters} if parameters else {})


class Slow:
    """The answer comes when the test calls release()."""


class Hang:
    """Instead of an answer: silence, until the client gives up."""


class Drop:
    """Instead of an answer: the request is carried out, and the connection closed without a word."""


class Garbage:
    """Instead of an answer: a proxy's page that is no JSON."""


@dataclass(frozen=True)
class Page:
    """Instead of an answer: what something in between says, which may quote the URL that was asked for."""

    status: int
    body: str = "<html><h1>no</h1></html>"
    location: str | None = None


Answer = dict[str, Any] | Page | type[Slow] | type[Hang] | type[Drop] | type[Garbage]


@dataclass
class _Chat:
    messages: dict[int, str] = field(default_factory=dict)
    granted: list[float] = field(default_factory=list)


class FakeTelegram:
    """The server; a context manager.

    scale: how many times faster than Telegram's its minute and second pass, for limits; 0 for no limits.
    """

    def __init__(self, *, scale: float = 0) -> None:
        self.requests: list[Request] = []
        self.token = TOKEN
        self.migrated: dict[int, int] = {}
        self.gone: dict[int, dict[str, Any]] = {}
        self.topics: set[tuple[int, int]] = set()
        self._scale = scale
        self.updates: list[dict[str, Any]] = []
        self._chats: dict[int, _Chat] = defaultdict(_Chat)
        self._scripted: list[tuple[Callable[[str, dict[str, Any]], bool], Answer]] = []
        self._changed = threading.Condition()
        self._released = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.telegram = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """The base URL for GHOSTWATCH_TELEGRAM_API_URL."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def environment(self) -> dict[str, str]:
        """What makes a sidecar talk to this server."""
        return {"GHOSTWATCH_TELEGRAM_API_URL": self.url, "GHOSTWATCH_TELEGRAM_TOKEN": TOKEN}

    def answer_next(self, *answers: Answer, method: str | None = None, chat_id: int | None = None) -> None:
        """The next calls (of a method, or for a chat) get these answers, one each."""

        def matches(called: str, fields: dict[str, Any]) -> bool:
            # getMe is how a sidecar asks about its token; scripts are about messages unless they name it.
            about_messages = called in ("sendMessage", "editMessageText") if method is None else called == method
            return about_messages and (chat_id is None or int(fields.get("chat_id", 0)) == chat_id)

        with self._changed:
            self._scripted += [(matches, answer) for answer in answers]

    def release(self) -> None:
        """Lets every call that is slow or hangs go on."""
        self._released.set()

    def sent(self, chat_id: int | None = None) -> list[Request]:
        """The messages that were granted."""
        return self._of("sendMessage", chat_id)

    def edited(self, chat_id: int | None = None) -> list[Request]:
        """The edits that were granted."""
        return self._of("editMessageText", chat_id)

    def text_of(self, chat_id: int, message_id: int) -> str:
        """What a message reads at the moment."""
        return self._chats[chat_id].messages[message_id]

    def delete(self, chat_id: int, message_id: int) -> None:
        """Deletes a message, as an admin would."""
        del self._chats[chat_id].messages[message_id]

    def press(self, chat_id: int, message_id: int, user_id: int, user_name: str, data: str) -> None:
        """Somebody presses a button, or a client pretends that they did."""
        user = {"id": user_id, "is_bot": False, "first_name": user_name, "username": user_name}
        chat = {"id": chat_id, "type": "supergroup", "title": "test"}
        message = {"message_id": message_id, "date": 1, "chat": chat}
        with self._changed:
            number = len(self.updates) + 1
            query = {"id": f"query-{number}", "from": user, "message": message, "chat_instance": "1", "data": data}
            self.updates.append({"update_id": number, "callback_query": query})
            self._changed.notify_all()

    def answers(self) -> list[str]:
        """What those who pressed were told."""
        return [str(r.fields["text"]) for r in self.requests if r.method == "answerCallbackQuery"]

    def wait_for(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        """Waits until a condition holds, looking again after every request."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not condition():
                rest = deadline - time.monotonic()
                if rest <= 0:
                    raise AssertionError(f"not so after {seconds} s; requests: {self.requests[-10:]}")
                # Conditions may look at the database as well, which tells nobody of its changes.
                self._changed.wait(min(rest, 0.1))

    def wait_for_messages(self, count: int, chat_id: int | None = None, seconds: float = 60) -> list[Request]:
        """Waits until so many messages were granted, and returns them."""
        self.wait_for(lambda: len(self.sent(chat_id)) >= count, seconds)
        return self.sent(chat_id)

    def _of(self, method: str, chat_id: int | None) -> list[Request]:
        with self._changed:
            return [
                request
                for request in self.requests
                if request.method == method and request.ok and chat_id in (None, request.chat_id)
            ]

    def handle(self, token: str, method: str, fields: dict[str, Any]) -> Answer:
        """Decides on a call and keeps it."""
        with self._changed:
            script = next((s for s in self._scripted if s[0](method, fields)), None)
            if script is not None:
                self._scripted.remove(script)
            answer = script[1] if script else None
            decided = answer if isinstance(answer, dict) else self._decide(token, method, fields)
            self.requests.append(Request(method, fields, time.monotonic(), decided))
            self._changed.notify_all()
        if answer is Hang or answer is Slow:
            self._released.wait(60)
        return decided if answer is None or answer is Slow else answer

    def _decide(self, token: str, method: str, fields: dict[str, Any]) -> dict[str, Any]:
        if token != self.token:
            return refusal(401, "Unauthorized")
        if method == "getMe":
            me = {"id": 1234567, "is_bot": True, "first_name": "Ghostwatch", "username": "ghostwatch_bot"}
            return {"ok": True, "result": me}
        if method == "getUpdates":
            return {"ok": True, "result": self._updates_from(int(fields.get("offset", 0)))}
        if method == "answerCallbackQuery":
            return {"ok": True, "result": True}
        chat_id = int(fields["chat_id"])
        return (
            self._refuse_chat(chat_id, fields)
            or self._refuse_text(fields)
            or self._refuse_pace(chat_id)
            or self._carry_out(method, chat_id, fields)
        )

    def _updates_from(self, offset: int) -> list[dict[str, Any]]:
        # A long poll, cut short so that tests end soon.
        self._changed.wait_for(lambda: any(u["update_id"] >= offset for u in self.updates), 0.5)
        return [update for update in self.updates if update["update_id"] >= offset]

    def _refuse_chat(self, chat_id: int, fields: dict[str, Any]) -> dict[str, Any] | None:
        if chat_id in self.migrated:
            return refusal(
                400,
                "Bad Request: group chat was upgraded to a supergroup chat",
                migrate_to_chat_id=self.migrated[chat_id],
            )
        if chat_id in self.gone:
            return self.gone[chat_id]
        thread_id = fields.get("message_thread_id")
        if thread_id is not None and (chat_id, int(thread_id)) not in self.topics:
            return refusal(400, "Bad Request: message thread not found")
        return None

    def _refuse_text(self, fields: dict[str, Any]) -> dict[str, Any] | None:
        text = str(fields["text"])
        if fields.get("parse_mode") == "HTML":
            try:
                text = parse_html(text)
            except ValueError as error:
                return refusal(400, f"Bad Request: can't parse entities: {error}")
        if not text.strip():
            return refusal(400, "Bad Request: message text is empty")
        if len(text.encode("utf-16-le")) // 2 > 4096:
            return refusal(400, "Bad Request: message is too long")
        return None

    def _refuse_pace(self, chat_id: int) -> dict[str, Any] | None:
        if not self._scale:
            return None
        now, minute, second = time.monotonic(), 60 / self._scale, 1 / self._scale
        granted = self._chats[chat_id].granted
        in_last_minute = [at for at in granted if at > now - minute]
        wait = 0.0
        if chat_id < 0 and len(in_last_minute) >= 20:
            wait = in_last_minute[-20] + minute - now
        if granted:
            wait = max(wait, granted[-1] + second - now)
        if wait > 0:
            return refusal(429, "Too Many Requests: retry later", retry_after=max(1, round(wait)))
        granted.append(now)
        return None

    def _carry_out(self, method: str, chat_id: int, fields: dict[str, Any]) -> dict[str, Any]:
        messages = self._chats[chat_id].messages
        text = str(fields["text"])
        if method == "sendMessage":
            message_id = len(messages) + 1
        else:
            message_id = int(fields["message_id"])
            if message_id not in messages:
                return refusal(400, "Bad Request: message to edit not found")
            if messages[message_id] == text:
                return refusal(
                    400,
                    "Bad Request: message is not modified: specified new message content and reply markup "
                    "are exactly the same",
                )
        messages[message_id] = text
        chat = {"id": chat_id, "type": "supergroup" if chat_id < 0 else "private", "title": "test"}
        return {
            "ok": True,
            "result": {"message_id": message_id, "date": int(time.time()), "chat": chat, "text": text},
        }


def parse_html(text: str) -> str:
    """The visible text; ValueError where Telegram would not parse the entities."""
    if unescaped := re.search(r"&(?!(?:lt|gt|amp|quot|#\d+|#x[0-9a-fA-F]+);)", text):
        raise ValueError(f"unescaped & at byte offset {unescaped.start()}")
    parser = _Entities()
    parser.feed(text)
    parser.close()
    if parser.open_tags:
        raise ValueError(f"can't find end tag corresponding to start tag {parser.open_tags[-1]}")
    return "".join(parser.visible)


class _Entities(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.visible: list[str] = []
        self.open_tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ALLOWED_TAGS:
            raise ValueError(f'Unsupported start tag "{tag}"')
        self.open_tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open_tags or self.open_tags.pop() != tag:
            raise ValueError(f'Unexpected end tag "{tag}"')

    def handle_data(self, data: str) -> None:
        if "<" in data:
            raise ValueError("Unsupported start tag")
        self.visible.append(data)

    def handle_entityref(self, name: str) -> None:
        self.visible.append(html.unescape(f"&{name};"))

    def handle_charref(self, name: str) -> None:
        self.visible.append(html.unescape(f"&#{name};"))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    telegram: FakeTelegram

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that were killed in the middle of a request are what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # A header and a body in two packets would wait for each other.
    wbufsize = -1
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        fields: dict[str, Any] = dict(parse_qsl(body, keep_blank_values=True))
        match = re.fullmatch(r"/bot([^/]+)/(\w+)", self.path)
        if match is None:
            self._answer(404, b'{"ok":false,"error_code":404,"description":"Not Found"}')
            return
        answer = self.server.telegram.handle(match[1], match[2], fields)
        if answer is Drop or answer is Hang:
            self.close_connection = True
        elif isinstance(answer, dict):
            self._answer(answer.get("error_code", 200), json.dumps(answer).encode())
        elif isinstance(answer, Page):
            url = f"{self.server.telegram.url}{self.path}"
            self._answer(answer.status, answer.body.replace("{url}", url).encode(), answer.location)
        else:
            self._answer(502, b"<html>Bad Gateway</html>")

    def _answer(self, code: int, body: bytes, location: str | None = None) -> None:
        self.send_response(code)
        if location is not None:
            self.send_header("Location", location.replace("{path}", self.path))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""
