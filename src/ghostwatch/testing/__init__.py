"""Tests that an application's own code keeps a contract, for pytest.

Installing ghostwatch makes two fixtures known to pytest: assert_contract, which fails where a clause
of a contract is broken, and ghostwatch_dsn, which says in which database (see ghostwatch.testing.plugin).

    from ghostwatch.testing import each_branch

    @each_branch
    def test_start_keeps_the_contract(deep_link, assert_contract):
        user_id = getrandbits(48)  # somebody new: who was here before may have the rows from then
        my_bot.handle_start(user_id=user_id, first_name="Anna", deep_link=deep_link)
        assert_contract("onboarding", user_id)
"""

from __future__ import annotations

import pytest

__all__ = ["BRANCHES", "each_branch"]

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

each_branch = pytest.mark.parametrize("deep_link", list(BRANCHES.values()), ids=list(BRANCHES))
"""Runs a test once for every branch family, with the deep link as the argument deep_link."""
