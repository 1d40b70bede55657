"""What the environment says."""

from __future__ import annotations

import os


def dsn(given: str | None = None) -> str:
    """The connection string: given, else GHOSTWATCH_DSN, else empty, for libpq to read the PG* variables."""
    return given or os.environ.get("GHOSTWATCH_DSN", "")
