"""Takes an SQL script apart into its statements; needs nothing but Python."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

# What may hold a semicolon that ends nothing, and the words between which standard SQL has its bodies.
TOKEN: Final = re.compile(
    r"""--[^\n]*|(?m:^\\[^\n]*)|/\*.*?\*/|[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"
    |\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|;|\b(?i:BEGIN\s+ATOMIC|CASE|END)\b""",
    re.S | re.X,
)
NOT_YET: Final = re.compile(r"\A(?:\s+|--[^\n]*(?:\n|\Z)|\\[^\n]*(?:\n|\Z))+")


def statements(script: str) -> Iterator[str]:
    """The statements of a script with their semicolons, without the comments and psql's commands before them."""
    begin = depth = 0
    for token in TOKEN.finditer(script):
        word = token[0].upper()
        if word.startswith("BEGIN") or (word == "CASE" and depth):
            depth += 1
        elif word == "END" and depth:
            depth -= 1
        elif word == ";" and depth == 0:
            yield NOT_YET.sub("", script[begin : token.end()])
            begin = token.end()
    if rest := NOT_YET.sub("", script[begin:]):
        yield rest
