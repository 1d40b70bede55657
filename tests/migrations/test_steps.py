"""How a step has to be written, and what make lint says of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ghostwatch.statements import statements
from scripts.build import ROOT
from scripts.upgrade import Step, StepError, Version, steps_between
from tests.support.earlier import STEPS


def test_a_step_says_how_it_is_undone(tmp_path: Path) -> None:
    step = tmp_path / "0.1.0--0.2.0_01_what.sql"
    step.write_text("ALTER TABLE a;\n", encoding="utf-8")
    with pytest.raises(StepError, match="needs a line '-- undo'"):
        Step.read(step)
    step.write_text("ALTER TABLE a;\n-- undo\nALTER TABLE b;\n-- loses: SELECT 'x';\n", encoding="utf-8")
    assert Step.read(step) == Step(
        step.name, "ALTER TABLE a;", "ALTER TABLE b;\n-- loses: SELECT 'x';", ("SELECT 'x'",)
    )
    step.write_text("ALTER TABLE a;\n-- undo: impossible\n", encoding="utf-8")
    assert Step.read(step).undo is None


def test_steps_run_in_their_order(tmp_path: Path) -> None:
    for name in ("0.1.0--0.2.0_02_b", "0.1.0--0.2.0_01_a", "0.2.0--0.3.0_01_c"):
        (tmp_path / f"{name}.sql").write_text("SELECT;\n-- undo\n", encoding="utf-8")
    assert [step.name for step in steps_between(tmp_path, "0.1.0", "0.2.0")] == [
        "0.1.0--0.2.0_01_a.sql",
        "0.1.0--0.2.0_02_b.sql",
    ]
    (tmp_path / "more.sql").write_text("", encoding="utf-8")
    with pytest.raises(StepError, match=r"more\.sql is not named"):
        steps_between(tmp_path, "0.1.0", "0.2.0")


def test_statements_are_told_apart() -> None:
    """Where a semicolon ends one, and where it is part of a text, a body or a comment."""
    script = (
        "\\echo x; \\quit\n-- a; b\nSELECT 'x;''y', E'\\';', \"c;\";\n/* ; */ DO $a$ BEGIN; $b$ ; $b$ END $a$;\n"
        "CREATE FUNCTION f()\nBEGIN ATOMIC\n    SELECT CASE WHEN true THEN 1 END;\nEND;\nSELECT 2;\n"
    )
    assert [statement.split()[0:2] for statement in statements(script)] == [
        ["SELECT", "'x;''y',"],
        ["/*", ";"],
        ["CREATE", "FUNCTION"],
        ["SELECT", "2;"],
    ]


def test_every_routine_needs_its_comment() -> None:
    with pytest.raises(StepError, match="every routine needs its comment"):
        _ = Version.read("1.0.0", "CREATE FUNCTION a.b()\nRETURNS text\nLANGUAGE sql;").routines


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        *((text, True) for text in STEPS.values()),
        ("ALTER TABLE ghostwatch.alert ALTER COLUMN evidence TYPE json USING evidence::json;\n", False),
        ("ALTER TABLE ghostwatch.alert RENAME COLUMN evidence TO findings;\n", False),
    ],
)
def test_what_squawk_says(tmp_path: Path, text: str, clean: bool) -> None:
    """It lets a usual step pass, and stops one that rewrites a table or breaks what still runs."""
    step = tmp_path / "step.sql"
    step.write_text(text, encoding="utf-8")
    finished = subprocess.run(
        [Path(sys.executable).with_name("squawk"), step], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (finished.returncode == 0) is clean, finished.stdout
