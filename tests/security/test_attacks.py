"""Each attack is tried on both kinds of installation."""

from __future__ import annotations

import pytest


def test_every_attack_is_tried_on_both_kinds(request: pytest.FixtureRequest) -> None:
    """As far as it was collected; without a database there is no kind, and pg_cron's database has only one."""
    attacks = [item for item in request.session.items if item.get_closest_marker("attack")]
    assert [
        item.nodeid
        for item in attacks
        if isinstance(item, pytest.Function)
        and "kind" in item.fixturenames
        and not item.get_closest_marker("both_kinds")
    ] == []
