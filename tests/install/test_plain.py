"""The plain script is one statement that any driver can send, in a transaction of its own or in a longer one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts.build import DIST
from tests.support.database import PARTS, Database

# What SQLAlchemy takes for the name of a parameter, and with it Alembic (sqlalchemy.sql.elements.TextClause).
PARAMETER = re.compile(r"(?<![:\w\\]):(\w+)(?!:)")


def plain(part: str) -> str:
    """The plain script."""
    return (DIST / f"{part}.sql").read_text(encoding="utf-8")


@pytest.mark.parametrize("part", PARTS)
def test_the_script_is_neutral(part: str) -> None:
    """It names no parameters, has no commands of psql, and reads the same in every encoding."""
    script = plain(part)
    assert PARAMETER.findall(script) == []
    assert re.findall(r"^\\.*", script, re.M) == []
    assert script.isascii()


def test_the_session_keeps_its_settings(empty_database: Database) -> None:
    """Also until the end of the transaction, for whatever else a migration does in it."""
    connection = empty_database.connect(autocommit=False)
    settings = (
        b"SELECT name, setting FROM pg_settings WHERE name NOT LIKE ALL ('{transaction%,plpgsql.%}') ORDER BY name"
    )
    connection.execute("SET search_path = public, pg_catalog")
    before = connection.execute(settings).fetchall()
    for part in PARTS:
        connection.execute(plain(part).encode())
    assert connection.execute(settings).fetchall() == before
    connection.commit()
    assert connection.execute(settings).fetchall() == before


def test_it_is_one_statement(empty_database: Database, tmp_path: Path) -> None:
    """The extended protocol takes it, which refuses two statements at once."""
    for part in PARTS:
        empty_database.connection.pgconn.exec_params(plain(part).encode(), [])
    assert empty_database.value("SELECT count(*) FROM onboarding.installation") == 1
