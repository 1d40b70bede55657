"""The ways into a bot that keeps the onboarding contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Test = TypeVar("Test", bound=Callable[..., Any])

BRANCHES: dict[str, str | None] = {
    "none": None,
    "kitchen": "kitchen",
    "wrapped": "wrapped",
    "giveaway": "giveaway_77",
    "shared meme": "s_12345_678",
    "meme": "m_12345_678",
    "ir": "ir_abc",
    "sc": "sc_abc",
    "unknown": "something-new",
    "longest": "x" * 64,
}
"""A deep link for each branch family of the onboarding contract; None is a /start without a link."""


def each_branch(test: Test) -> Test:
    """Runs a test of pytest once for every branch family, with the deep link as the argument deep_link."""
    import pytest

    each: Callable[[Test], Test] = pytest.mark.parametrize("deep_link", list(BRANCHES.values()), ids=list(BRANCHES))
    return each(test)
