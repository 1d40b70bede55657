"""The layout for database.dev and pg_tle, by their rules; no server with pg_tle is here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from ghostwatch.statements import statements
from scripts.build import DIST, SOURCES, released_versions, version
from scripts.release import dbdev_files
from tests.support.cluster import Cluster
from tests.support.database import Database, install_as
from tests.support.incident import go_on_with_the_incident, live_through_an_incident

VERSIONS = sorted({*released_versions(), version()})


@pytest.fixture
def files() -> dict[str, str]:
    """What is packed, by path."""
    return dbdev_files({path.name: path.read_text(encoding="utf-8") for path in DIST.glob("[!.]*.*")}, "# Read me\n")


def test_each_extension_is_a_directory(files: dict[str, str]) -> None:
    """With one control file, a README, every version, and every upgrade with its undo."""
    upgrades = [*pairwise(VERSIONS), *pairwise(VERSIONS[::-1])]
    assert set(files) == {
        f"{name}/{file}"
        for name in SOURCES
        for file in (
            "README.md",
            f"{name}.control",
            *(f"{name}--{number}.sql" for number in VERSIONS),
            *(f"{name}--{before}--{after}.sql" for before, after in upgrades),
        )
    }
    for name in SOURCES:
        assert re.fullmatch(r"[A-Za-z]\w{1,31}", name)
        control = dict(line.split(" = ", 1) for line in files[f"{name}/{name}.control"].splitlines())
        assert control["default_version"] == f"'{version()}'"
        assert control["superuser"] == control["relocatable"] == "false"
        assert control.get("requires") == ("'ghostwatch'" if name != "ghostwatch" else None)
        assert control["comment"] and "schema" not in control


def test_scripts_are_plain_statements(files: dict[str, str]) -> None:
    """No command of psql, no C, and not the quotes that pg_tle puts around a script."""
    for path, text in files.items():
        if path.endswith(".sql"):
            assert not re.search(r"^\\|\bLANGUAGE c\b|MODULE_PATHNAME|@extschema", text, re.M | re.I), path
            assert "$_pgtle_$" not in text, path
            for statement in statements(text):
                assert not re.match(r"BEGIN|COMMIT|ROLLBACK|CREATE EXTENSION", statement), path


@pytest.fixture
def directory(files: dict[str, str]) -> Iterator[Path]:
    """The files of all directories in one, where a server finds them."""
    with TemporaryDirectory(prefix="ghostwatch-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        for path, text in files.items():
            (directory / Path(path).name).write_text(text, encoding="utf-8")
        yield directory


@pytest.mark.machine
@pytest.mark.once
def test_a_role_without_rights_creates_and_upgrades_it(directory: Path) -> None:
    """As pg_tle runs the same scripts: by a role that is no superuser, in whichever schema its path begins with."""
    with Cluster(dist=directory) as server:
        server.execute("CREATE ROLE bot_owner LOGIN")
        server.create_database("bot", owner="bot_owner")
        database = Database(server, "bot", "extension")
        own = database.connect("bot_owner")
        install_as(own, "extension", number=VERSIONS[0])
        live_through_an_incident(database)
        for before, after in pairwise(VERSIONS):
            for part in SOURCES:
                own.execute(f"ALTER EXTENSION {part} UPDATE TO '{after}'".encode())
            assert database.value("SELECT version FROM ghostwatch.installation") == after != before
        go_on_with_the_incident(database)
        own.close()
