"""The core extension serves any application: what only the bot has belongs to the second extension."""

from __future__ import annotations

import pytest

from scripts.build import ROOT

CORE = [*sorted((ROOT / "sql" / "ghostwatch").rglob("*.sql")), *sorted((ROOT / "src" / "ghostwatch").rglob("*.html"))]


@pytest.mark.parametrize("word", ["deep_link", "signups_per_day", "language_rule", "user_tg"])
def test_the_core_knows_no_bot(word: str) -> None:
    """Its columns, arguments and messages have neutral names."""
    assert [str(path) for path in CORE if word in path.read_text(encoding="utf-8")] == []
