"""The examples of the documents, for tests that run them as they stand there."""

from __future__ import annotations

import re

from scripts.build import ROOT


def examples(document: str, language: str) -> dict[str, list[str]]:
    """The code blocks of a language, in the order of the page, by the heading that they stand under."""
    found: dict[str, list[str]] = {}
    heading = ""
    text = (ROOT / document).read_text(encoding="utf-8")
    for match in re.finditer(r"^#+ ([^\n]*)$|^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        if match[1]:
            heading = match[1]
        elif match[2] == language:
            found.setdefault(heading, []).append(match[3])
    return found
