"""What the environment says, checked before anything is started."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from ghostwatch.errors import CommandError

T = TypeVar("T")
D = TypeVar("D")

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def dsn(given: str | None = None) -> str:
    """The connection string: given, else GHOSTWATCH_DSN, else empty, for libpq to read the PG* variables."""
    reader = _Reader(os.environ)
    text = reader.dsn(given)
    reader.refuse_mistakes()
    return text


@dataclass(frozen=True)
class Settings:
    """How the sidecar is to run. Times are in seconds."""

    dsn: str
    token: str | None
    api_url: str
    worker: str
    poll_every: float
    lease: float
    send_timeout: float
    run_checks_every: float | None
    run_checks_dsn: str
    templates: Path | None
    http_host: str
    http_port: int | None
    heartbeat_url: str | None
    buttons: bool
    log_level: str
    log_format: str

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must appear in no output: the token, and its secret half alone (URLs may quote the colon)."""
        return (self.token, self.token.partition(":")[2]) if self.token else ()

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str], *, dsn: str | None = None, needs_token: bool = True
    ) -> Settings:
        """Reads and checks all settings; raises one CommandError that names every mistake, a line each."""
        reader = _Reader(environment)
        lease = reader.read("LEASE", _duration, 30.0)
        outbox_dsn = reader.dsn(dsn)
        settings = cls(
            dsn=outbox_dsn,
            token=reader.token(needed=needs_token),
            api_url=reader.read("TELEGRAM_API_URL", _url, "https://api.telegram.org"),
            worker=reader.read("WORKER", str, f"{socket.gethostname()}-{os.getpid()}"),
            poll_every=reader.read("POLL_EVERY", _duration, 5.0),
            lease=lease,
            # A message must be given up before another sidecar may take it.
            send_timeout=lease / 2,
            run_checks_every=reader.read("RUN_CHECKS_EVERY", _duration, None),
            run_checks_dsn=reader.run_checks_dsn(outbox_dsn),
            templates=reader.read("TEMPLATES", _directory, None),
            http_host=reader.read("HTTP_HOST", str, "127.0.0.1"),
            http_port=reader.read("HTTP_PORT", _port, None),
            heartbeat_url=reader.read("HEARTBEAT_URL", _url, None),
            buttons=reader.read("TELEGRAM_BUTTONS", _switch, False),
            log_level=reader.read("LOG_LEVEL", _one_of("debug", "info", "warning", "error"), "info"),
            log_format=reader.read("LOG_FORMAT", _one_of("text", "json"), "text" if sys.stderr.isatty() else "json"),
        )
        reader.refuse_mistakes()
        return settings


class _Reader:
    """Reads variables one by one and collects what is wrong with them."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.mistakes: list[str] = []

    def refuse_mistakes(self) -> None:
        """Raises one CommandError that names them all, a line each."""
        if self.mistakes:
            raise CommandError("\n            ".join(self.mistakes))

    def read(self, name: str, parse: Callable[[str], T], default: D) -> T | D:
        """The variable GHOSTWATCH_<name>, or the default where it is not set or empty."""
        text = self._environment.get(f"GHOSTWATCH_{name}", "").strip()
        if text:
            try:
                return parse(text)
            except ValueError as mistake:
                self.mistakes.append(f"GHOSTWATCH_{name}={text!r}: {mistake}")
        return default

    def dsn(self, given: str | None) -> str:
        """The connection string, with the password from its file; empty where the PG* variables say it all."""
        text = given or self._environment.get("GHOSTWATCH_DSN", "")
        return self._connection_string("--dsn" if given else "GHOSTWATCH_DSN", text, self._content_of("PASSWORD_FILE"))

    def run_checks_dsn(self, otherwise: str) -> str:
        """The connection string for check runs: a role that owns contracts, which the sidecar's own need not be."""
        text = self._environment.get("GHOSTWATCH_RUN_CHECKS_DSN", "").strip()
        return self._connection_string("GHOSTWATCH_RUN_CHECKS_DSN", text, None) if text else otherwise

    def _connection_string(self, name: str, text: str, password: str | None) -> str:
        from psycopg.conninfo import make_conninfo

        try:
            # A database that does not know its own encoding (SQL_ASCII) would answer in bytes.
            return make_conninfo(text, password=password, client_encoding="utf8")
        except Exception:
            # What libpq says of it may quote a password.
            self.mistakes.append(
                f"{name} cannot be read: write postgresql://user@host:5432/database or host=… dbname=… user=…"
            )
        return text

    def token(self, *, needed: bool) -> str | None:
        """The bot's token, from the environment or from a file; never echoed."""
        direct = self._environment.get("GHOSTWATCH_TELEGRAM_TOKEN", "").strip()
        path = self._environment.get("GHOSTWATCH_TELEGRAM_TOKEN_FILE", "").strip()
        if direct and path:
            self.mistakes.append(
                "GHOSTWATCH_TELEGRAM_TOKEN and GHOSTWATCH_TELEGRAM_TOKEN_FILE are both set: keep one of them"
            )
        if path:
            content = self._content_of("TELEGRAM_TOKEN_FILE")
            if content is None:
                return None
            direct = content
        if not direct:
            if needed:
                self.mistakes.append(
                    "no bot token: set GHOSTWATCH_TELEGRAM_TOKEN_FILE (or GHOSTWATCH_TELEGRAM_TOKEN) "
                    "to what @BotFather gave you, or use --dry-run"
                )
            return None
        if not re.fullmatch(r"[0-9]+:[A-Za-z0-9_-]+", direct):
            self.mistakes.append("the bot token is malformed: it is a number, a colon, then letters, digits, _ and -")
            return None
        return direct

    def _content_of(self, name: str) -> str | None:
        """What the file says that the variable GHOSTWATCH_<name> names; None where it is not set or unreadable."""
        path = self._environment.get(f"GHOSTWATCH_{name}", "").strip()
        if not path:
            return None
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            self.mistakes.append(f"GHOSTWATCH_{name}={path!r} cannot be read: {reason}")
            return None


def _duration(text: str) -> float:
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|h)?", text)
    seconds = float(match[1]) * UNITS[match[2] or "s"] if match else 0.0
    if seconds <= 0:
        raise ValueError("write a time above zero, such as 500ms, 5s, 1m or 1h")
    return seconds


def _url(text: str) -> str:
    parts = urlsplit(text)
    # A port that cannot be is told by looking at it.
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError("write a URL that begins with http:// or https://")
    return text.rstrip("/")


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise ValueError("write a port from 1 to 65535")
    return int(text)


def _directory(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise ValueError("no such directory")
    return path


def _switch(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError("write 1 for on or 0 for off")
    return text == "1"


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError(f"write one of {', '.join(choices)}")
        return text.lower()

    return parse
