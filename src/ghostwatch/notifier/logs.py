"""Logging: readable on a terminal, JSON elsewhere, and never a secret in it."""

from __future__ import annotations

import contextvars
import json
import logging
from datetime import UTC, datetime

from ghostwatch.notifier.text import redact
from ghostwatch.settings import Settings

# The database that is worked for; tasks inherit it from the one that began them.
instance: contextvars.ContextVar[str | None] = contextvars.ContextVar("instance", default=None)


def set_up(settings: Settings) -> None:
    """Sends all logging of the process to standard error, redacted as the very last step."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter(settings.log_format, settings.secrets))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    # They log every request with its URL, and the token is part of it.
    for library in ("httpx", "httpcore"):
        logging.getLogger(library).setLevel(logging.WARNING)


class _Formatter(logging.Formatter):
    """Works on the finished line, tracebacks included, so that nothing can slip in after it."""

    def __init__(self, style: str, secrets: tuple[str, ...]) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s")
        self._json = style == "json"
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        line = self._as_json(record) if self._json else super().format(record)
        return redact(line, self._secrets)

    def formatMessage(self, record: logging.LogRecord) -> str:
        name = instance.get()
        if name is not None:
            record.message = f"[{name}] {record.message}"
        return super().formatMessage(record)

    def _as_json(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        if (name := instance.get()) is not None:
            entry["database"] = name
        # What was logged with extra={"facts": …}.
        entry |= getattr(record, "facts", {})
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False, default=str)
