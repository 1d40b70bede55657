"""What an owner makes of the shipped rules: it survives a dump, and cannot stop every /start."""

from __future__ import annotations

from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

from tests.support.database import Database

RULES = """
    SELECT 'branch', pattern FROM onboarding.blocked_branch
    UNION ALL SELECT 'region', language_code FROM onboarding.regional_language
    UNION ALL SELECT 'rule', name FROM onboarding.language_rule
    ORDER BY 1, 2
"""


@pytest.mark.both_kinds
@pytest.mark.pg_dump
def test_rules_survive_a_dump(database: Database, empty_database: Database, tmp_path: Path) -> None:
    """Those that were added, and that others were deleted; start() and the contract work as before."""
    database.execute("SELECT FROM onboarding.adopt()")
    database.execute("DELETE FROM onboarding.blocked_branch WHERE pattern = 'likefollowbot'")
    database.execute("INSERT INTO onboarding.blocked_branch VALUES ('farm%', 'a farm')")
    database.execute("DELETE FROM onboarding.regional_language WHERE language_code <> 'ru'")
    database.execute("DELETE FROM onboarding.language_rule WHERE language_code IS NULL")
    database.execute("SELECT onboarding.start(1, 'Anna', deep_link => 's_1_2')")

    dump = tmp_path / "dump.sql"
    dump.write_text(database.server.dump(database.name), encoding="utf-8")
    restored = database.server.psql_file(dump, empty_database.name)

    assert restored.stderr == ""
    assert empty_database.rows(RULES) == database.rows(RULES)
    assert empty_database.value("SELECT (onboarding.start(2, 'Bot', deep_link => 'farm_1')).blocked")
    assert empty_database.value("SELECT (onboarding.get_user_info(1)).user_type") == "user"
    assert empty_database.rows(
        "SELECT invariant FROM ghostwatch.check_subject('onboarding', '1') WHERE NOT satisfied"
    ) == [("first_meme",)]


@pytest.mark.parametrize(
    "rule",
    [
        "INSERT INTO onboarding.blocked_branch VALUES ('farm\\', 'quotes nothing')",
        "UPDATE onboarding.language_rule SET name_pattern = '[a-z'",
    ],
)
def test_a_rule_that_cannot_be_read_is_refused(database: Database, rule: LiteralString) -> None:
    """Or nobody could start the bot any more."""
    database.execute("SELECT FROM onboarding.adopt()")
    with pytest.raises((psycopg.DataError, psycopg.IntegrityError)):
        database.execute(rule)
    assert database.value("SELECT (onboarding.start(1, 'Anna', deep_link => 'farm_1')).created")
