"""What may stand in a line of text: values of users and of servers cannot forge another one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import quote

LONGEST_VALUE = 300
JOINER = "\u200d"
# These would end a line, turn its direction, hide in it, or command a terminal.
SUSPECT = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
BREAKS = "\t\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029"


def clean(text: str, longest: int | None = None) -> str:
    """The text as one line, without what a reader cannot see; cut to its first so many characters."""
    if longest is not None and len(text) > 4 * longest:
        # A name of 60 MB need not be searched to its end.
        text = text[: 4 * longest]
    if SUSPECT.search(text):
        text = SUSPECT.sub(lambda found: _replacement(text, found.start()), text)
    if longest is not None and len(text) > longest:
        return text[:longest] + "…"
    return text


def _replacement(text: str, place: int) -> str:
    character = text[place]
    if character in BREAKS:
        return " "
    if "\ud800" <= character <= "\udfff":
        return "\ufffd"
    joins = character == JOINER and all(map(_is_picture, (text[place - 1 : place], text[place + 1 : place + 2])))
    return character if joins else ""


def _is_picture(character: str) -> bool:
    """Whether it may be part of an emoji that several characters make."""
    return character == "\ufe0f" or (character != "" and unicodedata.category(character) in ("So", "Sk"))


def redact(text: str, secrets: Iterable[str]) -> str:
    """The text with every secret blacked out, however a URL or JSON writes it."""
    for secret in secrets:
        for written in {secret, quote(secret, safe=""), quote(secret, safe=":")}:
            text = re.sub(re.escape(written), "[secret]", text, flags=re.IGNORECASE)
    return text
