"""What docs/ says of the database is what the database says."""

from __future__ import annotations

import pytest

from scripts.build import ROOT
from scripts.generate_docs import TABLES, render
from tests.support.database import Database


@pytest.mark.parametrize("document", TABLES)
def test_generated_tables_are_fresh(database: Database, document: str) -> None:
    database.execute("SELECT FROM onboarding.adopt()")
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    assert render(document, text, database.connection) == text, "run: make docs"
