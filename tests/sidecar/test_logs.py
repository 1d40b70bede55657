"""What the log looks like, and what is taken out of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from ghostwatch.notifier.logs import set_up
from ghostwatch.settings import Settings
from tests.support.fake_telegram import TOKEN


@pytest.fixture(autouse=True)
def keep_logging() -> Iterator[None]:
    """Leaves logging to pytest again afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def settings(log_format: str) -> Settings:
    """Settings with a token to be kept secret."""
    return Settings.from_environment(
        {"GHOSTWATCH_TELEGRAM_TOKEN": TOKEN, "GHOSTWATCH_LOG_FORMAT": log_format, "GHOSTWATCH_LOG_LEVEL": "debug"}
    )


def log_a_secret() -> None:
    """As a library might: in the message, and in an exception's text and cause."""
    try:
        try:
            raise ValueError(f"https://api.telegram.org/bot{TOKEN}/getMe")
        except ValueError as error:
            raise RuntimeError(TOKEN.partition(":")[2]) from error
    except RuntimeError:
        logging.getLogger("some.library").exception("failed: %s", TOKEN, extra={"facts": {"alert": 42, "url": TOKEN}})


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    """One object a line, with the facts as fields of their own."""
    set_up(settings("json"))
    log_a_secret()
    (line,) = capsys.readouterr().err.splitlines()
    entry = json.loads(line)
    assert (entry["level"], entry["message"], entry["alert"]) == ("error", "failed: [secret]", 42)
    assert "Traceback" in entry["traceback"]
    assert TOKEN.partition(":")[2] not in line


def test_text(capsys: pytest.CaptureFixture[str]) -> None:
    """For people; what an exception carries along is redacted too."""
    set_up(settings("text"))
    log_a_secret()
    text = capsys.readouterr().err
    assert "ERROR   failed: [secret]" in text
    assert "RuntimeError: [secret]" in text
    assert TOKEN.partition(":")[2] not in text


def test_requests_are_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    """The token is part of every request's URL."""
    set_up(settings("text"))
    logging.getLogger("httpx").info("HTTP Request: POST https://api.telegram.org/…")
    assert capsys.readouterr().err == ""
