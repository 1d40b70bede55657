"""Every error has a code of its own that is documented, and every one is reached by a test."""

from __future__ import annotations

import re
from pathlib import Path

from scripts.build import ROOT

CODE = re.compile(r"GW\d{3}")


def codes_in(folder: Path, *suffixes: str, pattern: re.Pattern[str] = CODE) -> set[str]:
    """The codes that files below a folder mention."""
    return {
        code
        for path in folder.rglob("*")
        if path.suffix in suffixes
        for found in pattern.findall(path.read_text(encoding="utf-8"))
        for code in CODE.findall(found)
    }


RAISED = codes_in(ROOT / "sql", ".sql", ".psql", pattern=re.compile(r"ERRCODE\s*=\s*'GW\d{3}'"))


def test_every_error_is_documented_and_none_else() -> None:
    documented = re.findall(r"^\| `(GW\d{3})` \|", (ROOT / "docs" / "errors.md").read_text(encoding="utf-8"), re.M)
    assert sorted(RAISED) == documented


def test_every_error_that_is_mentioned_is_raised() -> None:
    """Headers and comments name no error that is gone."""
    assert codes_in(ROOT / "sql", ".sql", ".psql") == RAISED


def test_every_error_is_reached_by_a_test() -> None:
    tested = {
        code
        for folder in (ROOT / "tests").iterdir()
        if folder.is_dir() and folder != Path(__file__).parent
        for code in codes_in(folder, ".py", ".sql")
    }
    assert sorted(RAISED - tested) == []
