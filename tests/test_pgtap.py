"""Runs every pgTAP file with pg_prove, on both kinds of installation."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cluster import Server
from tests.support.database import Database, enable_test_clock

FOLDER = Path(__file__).parent
FILES = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.glob("*/*.sql"))


@pytest.fixture(scope="module")
def pgtap_database(server: Server, templates: dict[str, str], kind: str) -> Iterator[Database]:
    """One database for all files of a kind: each file runs in a transaction that it rolls back."""
    with Database.create(server, f"pgtap_{os.getpid()}_{kind}", templates[kind], kind) as database:
        database.execute("CREATE EXTENSION pgtap")
        enable_test_clock(server, database.name)
        yield database


@pytest.mark.both_kinds
@pytest.mark.parametrize("file", FILES)
def test_pgtap(pgtap_database: Database, file: str) -> None:
    """The file's own assertions hold."""
    server = pgtap_database.server
    finished = subprocess.run(
        ["pg_prove", "--psql-bin", server.tree.client("psql"), "--verbose", FOLDER / file],
        env=os.environ | server.environment(pgtap_database.name),
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, f"{finished.stdout}\n{finished.stderr}"
