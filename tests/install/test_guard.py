"""Nothing is installed over what is there already, and a failed installation leaves nothing."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from scripts.build import DIST
from tests.support.database import PARTS, Database


def _plain(part: str) -> bytes:
    """The plain script."""
    return (DIST / f"{part}.sql").read_bytes()


@pytest.mark.both_kinds
def test_plain_script_over_an_installation_is_refused(database: Database, kind: str) -> None:
    """The error names the database and the kind found, and how to look further."""
    with pytest.raises(psycopg.Error, match="ghostwatch is already installed in database") as refused:
        database.connect().execute(_plain("ghostwatch"))
    assert refused.value.sqlstate == "GW901"
    assert kind in str(refused.value.diag.message_detail)
    assert "SELECT * FROM ghostwatch.installation" in str(refused.value.diag.message_hint)

    with pytest.raises(psycopg.Error, match="schema onboarding already exists") as refused:
        database.connect().execute(_plain("ghostwatch_onboarding"))
    assert refused.value.sqlstate == "GW901"


def test_extension_over_a_plain_installation_is_refused(empty_database: Database) -> None:
    """CREATE EXTENSION meets the same guard as the plain script."""
    empty_database.connect().execute(_plain("ghostwatch"))
    with pytest.raises(psycopg.Error) as refused:
        empty_database.execute("CREATE EXTENSION ghostwatch")
    assert refused.value.sqlstate == "GW901"
    assert "plain" in str(refused.value.diag.message_detail)
    assert empty_database.value("SELECT kind FROM ghostwatch.installation") == "plain"


@pytest.mark.parametrize("as_extension", [True, False])
def test_foreign_schema_is_left_alone(empty_database: Database, as_extension: bool) -> None:
    """A schema that happens to have the name is not written to."""
    empty_database.execute("CREATE SCHEMA ghostwatch")
    with pytest.raises(psycopg.Error, match="does not belong to an installation") as refused:
        empty_database.connect().execute(b"CREATE EXTENSION ghostwatch" if as_extension else _plain("ghostwatch"))
    assert refused.value.sqlstate == "GW902"
    assert empty_database.value("SELECT count(*) FROM pg_class WHERE relnamespace = 'ghostwatch'::regnamespace") == 0


def test_onboarding_needs_ghostwatch(empty_database: Database) -> None:
    """The second part says what is to be installed first."""
    with pytest.raises(psycopg.Error, match="ghostwatch is not installed") as refused:
        empty_database.connect().execute(_plain("ghostwatch_onboarding"))
    assert refused.value.sqlstate == "GW903"


@pytest.mark.parametrize("part", PARTS)
def test_failed_plain_installation_leaves_nothing(empty_database: Database, tmp_path: Path, part: str) -> None:
    """The script is one transaction, also when run by psql."""
    server, name = empty_database.server, empty_database.name
    for earlier in PARTS[: PARTS.index(part)]:
        assert server.psql_file(DIST / f"{earlier}.sql", name).returncode == 0
    broken = tmp_path / "broken.sql"
    broken.write_text(
        (DIST / f"{part}.sql")
        .read_text(encoding="utf-8")
        .replace("\nEND\n$install$", "\nPERFORM 1 / 0;\nEND\n$install$"),
        encoding="utf-8",
    )
    tmp_path.chmod(0o755)

    assert server.psql_file(broken, name).returncode == 3
    schema = "onboarding" if part == "ghostwatch_onboarding" else "ghostwatch"
    assert empty_database.value("SELECT to_regnamespace(%s) IS NULL", schema)
