"""Names and links cannot forge lines of a message or sequences of a terminal."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostwatch.notifier.messages import Renderer
from ghostwatch.notifier.text import clean
from tests.sidecar.test_messages import row

FORGED = "✅ onboarding · RESOLVED"
TRICKS = [
    "\n",
    "\r",
    "\x0b",
    "\x85",
    "\u2028",
    "\u2029",
    "\u202e",
    "\u2066",
    "\u200b",
    "\ufeff",
    "\x1b[2J",
    "\x9b2J",
    "\0",
]


@pytest.mark.attack(
    "line breaks, bidirectional controls and escape sequences in names and links",
    role="user of the bot",
    result="removed",
)
@pytest.mark.parametrize("trick", TRICKS, ids=ascii)
def test_a_name_stays_in_its_line(trick: str) -> None:
    """However it tries to leave it."""
    event = {
        "kind": "user_started",
        "subject_key": "42",
        "payload": {"name": f"Anna{trick}{FORGED}", "deep_link": f"x{trick}y", "new": True},
    }
    at = "2026-01-02T14:02:00+00:00"
    text = Renderer().render(row("events", {"events": [event], "counts": [], "first_at": at, "last_at": at})).plain
    assert len(text.splitlines()) == 2
    assert not text.splitlines()[1].startswith("✅")
    assert all(
        character == "\n" or unicodedata.category(character) not in ("Cc", "Cf", "Zl", "Zp", "Cs") for character in text
    )


@given(st.text(st.characters(), max_size=400))
def test_whatever_is_given_one_printable_line_is_left(text: str) -> None:
    line = clean(text, 300)
    assert len(line.splitlines()) <= 1
    assert len(line) <= 301
    line.encode("utf-8")
    assert all(unicodedata.category(character) not in ("Cc", "Zl", "Zp", "Cs") for character in line)


def test_emoji_of_several_characters_stay_whole() -> None:
    assert clean("👨\u200d👩\u200d👧 ❤\ufe0f\u200d🔥") == "👨\u200d👩\u200d👧 ❤\ufe0f\u200d🔥"
    assert clean("a\u200db") == "ab"


@pytest.mark.attack("a name of 60 million characters", role="user of the bot", result="cut before it is read")
def test_a_name_like_a_book_costs_no_more_than_its_beginning() -> None:
    started = time.process_time()
    assert clean("\u2028" * 60_000_000, 300) == " " * 300 + "…"
    assert time.process_time() - started < 1
