"""`ghostwatch check`, as a CI of any language runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.database import Database

COMMAND = Path(sys.executable).with_name("ghostwatch")


def check(dsn: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the command into a pipe."""
    return subprocess.run([COMMAND, "check", "--dsn", dsn, *arguments], capture_output=True, text=True, check=False)


def test_a_contract_that_holds(application: Database) -> None:
    finished = check(application.dsn, "--contract", "welcome", "--key", "1")
    assert (finished.returncode, finished.stderr) == (0, "")
    assert finished.stdout == "holds greeting\n  Fine: has a greeting.\n\ncontract welcome holds for 1\n"


def test_a_contract_that_does_not_hold(application: Database) -> None:
    finished = check(application.dsn, "--contract", "welcome", "--key", "2")
    assert (finished.returncode, finished.stderr) == (1, "")
    assert finished.stdout.startswith("not due yet greeting\n  Does not have a greeting yet; it is due by ")
    assert finished.stdout.endswith("\ncontract welcome does not hold for 2\n")


def test_json(application: Database) -> None:
    """The same for programs."""
    finished = check(application.dsn, "--contract", "welcome", "--key", "1", "--json")
    assert finished.returncode == 0
    assert json.loads(finished.stdout) == {
        "contract": "welcome",
        "key": "1",
        "holds": True,
        "findings": [
            {"invariant": "greeting", "holds": True, "state": "holds", "explanation": "Fine: has a greeting."},
        ],
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ("--as-of", "4 minutes"),
        ("--clause", "greeting", "--leave-out", "greeting"),
        ("--key", "3"),
    ],
)
def test_what_proves_nothing_does_not_hold(application: Database, arguments: tuple[str, ...]) -> None:
    finished = check(application.dsn, "--contract", "welcome", "--key", "2", *arguments, "--json")
    assert finished.returncode == 1
    printed = json.loads(finished.stdout)
    assert printed["holds"] is False
    assert printed["findings"][-1]["state"] in ("nothing proved", "no subject")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--contract", "welcom", "--key", "1"), "GW001"),
        (("--contract", "welcome", "--key", "1", "--clause", "greting"), "GW007"),
        (("--contract", "welcome", "--key", "1", "--as-of", "soon"), "invalid input syntax for type interval"),
        (("--contract", "welcome", "--key", "1", "--dsn", "host"), "--dsn cannot be read"),
        (("--contract", "welcome"), "--key"),
    ],
)
def test_what_cannot_be_judged(application: Database, arguments: tuple[str, ...], message: str) -> None:
    """It has an exit code of its own: a CI must not take it for a contract that is broken, nor for one that holds."""
    finished = check(application.dsn, *arguments)
    assert finished.returncode == 2
    assert message in finished.stderr
    assert "Traceback" not in finished.stderr
    assert finished.stdout == ""


def test_a_database_without_ghostwatch(empty_database: Database) -> None:
    finished = check(empty_database.dsn, "--contract", "welcome", "--key", "1")
    assert finished.returncode == 2
    assert f"ghostwatch is not installed in database {empty_database.name}" in finished.stderr
