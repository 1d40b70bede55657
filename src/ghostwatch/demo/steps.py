"""How the demo shows what it does."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def step(what: str) -> Iterator[Callable[[], None]]:
    """Says what is being done and, on a terminal, for how long already; on failure which step it was.

    Yields a function that a long step calls from time to time.
    """
    began = time.monotonic()
    on_terminal = sys.stdout.isatty()

    def say(mark: str, end: str) -> None:
        start = "\r  " if on_terminal else "  "
        print(f"{start}{mark} {what} ({time.monotonic() - began:.0f} s)", end=end, flush=True)

    def progress() -> None:
        if on_terminal:
            say("…", "")

    progress()
    try:
        yield progress
    except BaseException:
        say("✗", "\n")
        raise
    say("✓", "\n")
