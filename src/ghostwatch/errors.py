"""What the command tells its user instead of a traceback."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg


class CommandError(Exception):
    """Something went wrong that the user can do something about; the message says what."""


def explain(error: psycopg.Error) -> str:
    """The database's message with its detail and hint, which say what to do about it."""
    diagnostics = error.diag
    if diagnostics.message_primary is None:
        return str(error).strip()
    parts = [f"{diagnostics.message_primary} ({diagnostics.sqlstate})"]
    parts += [f"  {part}" for part in (diagnostics.message_detail, diagnostics.message_hint) if part]
    return "\n".join(parts)
