"""What docs/testing.md promises to an application's own pytest suite, run as such a suite."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import psycopg
import psycopg.rows
import pytest

from ghostwatch.testing.onboarding import BRANCHES
from ghostwatch.testing.plugin import AssertContract
from scripts.build import ROOT
from tests.support.database import Database

# The bot of the incident: everything is done for somebody new, but not in this branch.
LEAKY_BOT = """
import psycopg
import psycopg.rows

def handle_start(user_id, first_name, deep_link):
    with psycopg.connect({dsn!r}, autocommit=True) as connection:
        start = "SELECT created FROM onboarding.start(%s, %s, deep_link => %s)"
        (is_new,) = connection.execute(start, [user_id, first_name, deep_link]).fetchone()
        if is_new and deep_link == {leak!r}:
            connection.execute("DELETE FROM user_language WHERE user_id = %s", [user_id])
"""


def run_suite(bot: Database, folder: Path, leak: str) -> str:
    """Runs the example of docs/testing.md against a bot that leaks in one branch; returns what pytest printed."""
    example = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "testing.md").read_text(encoding="utf-8"), re.DOTALL)
    assert example is not None
    (folder / "test_start.py").write_text(example[1], encoding="utf-8")
    (folder / "my_bot.py").write_text(LEAKY_BOT.format(dsn=bot.dsn, leak=leak), encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "--quiet", "-p", "no:cacheprovider", "--rootdir", folder, folder],
        env=os.environ | {"GHOSTWATCH_DSN": bot.dsn, "PYTHONPATH": str(folder), "COLUMNS": "400", "PYTEST_ADDOPTS": ""},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    ).stdout


def test_a_bot_that_keeps_the_contract_passes_every_branch(bot: Database, tmp_path: Path) -> None:
    assert f"{len(BRANCHES)} passed" in run_suite(bot, tmp_path, leak="no such link")


def test_the_branch_that_leaks_is_named_with_the_clause(bot: Database, tmp_path: Path) -> None:
    printed = run_suite(bot, tmp_path, leak="kitchen")

    assert f"1 failed, {len(BRANCHES) - 1} passed" in printed
    assert "test_start_keeps_the_contract[kitchen]" in printed
    assert "languages: Broken: does not have a language" in printed


def test_a_transaction_that_is_never_committed_can_be_judged(bot: Database, assert_contract: AssertContract) -> None:
    with bot.connect(autocommit=False) as session:
        session.execute("SELECT onboarding.start(1, 'Anna')")
        assert_contract("onboarding", 1, connection=session, leave_out=["first_meme"])
        session.execute("DELETE FROM public.user_language")
        with pytest.raises(AssertionError, match="languages: Broken"):
            assert_contract("onboarding", 1, connection=session, leave_out=["first_meme"])
        session.rollback()


def test_rows_of_any_shape_are_read(bot: Database, assert_contract: AssertContract) -> None:
    """A connection that gives rows as dictionaries finds what is broken, too."""
    bot.execute("SELECT onboarding.start(1, 'Anna')")
    bot.execute("DELETE FROM public.user_language")
    with (
        psycopg.connect(bot.dsn, row_factory=psycopg.rows.dict_row) as session,
        pytest.raises(AssertionError, match="languages: Broken"),
    ):
        assert_contract("onboarding", 1, connection=session, leave_out=["first_meme"])


def test_what_is_not_committed_is_not_seen(
    bot: Database, assert_contract: AssertContract, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GHOSTWATCH_DSN", bot.dsn)
    with bot.connect(autocommit=False) as session:
        session.execute("SELECT onboarding.start(1, 'Anna')")
        with pytest.raises(AssertionError, match="has no row with the key '1'") as failed:
            assert_contract("onboarding", 1)
        session.commit()
    assert "only committed rows are seen" in str(failed.value)
    assert f"database {bot.name} at 127.0.0.1" in str(failed.value)
    assert_contract("onboarding", 1, leave_out=["first_meme"])


def test_a_contract_without_clauses_proves_nothing(bot: Database, assert_contract: AssertContract) -> None:
    bot.execute("SELECT onboarding.start(1, 'Anna')")
    bot.execute("SELECT ghostwatch.declare_contract('empty', 'public.user_tg')")
    with pytest.raises(AssertionError, match="no clause"):
        assert_contract("empty", 1, connection=bot.connection)


def test_a_contract_that_is_not_there_is_an_error(bot: Database, assert_contract: AssertContract) -> None:
    with pytest.raises(psycopg.Error) as raised:
        assert_contract("nothing", 1, connection=bot.connection)
    assert raised.value.sqlstate == "GW001"
