"""What the command tells its user instead of a traceback."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg


class CommandError(Exception):
    """Something went wrong that the user can do something about; the message says what."""

    exit_code = 1


def explain(error: psycopg.Error) -> str:
    """The database's message with its detail and hint, which say what to do about it."""
    diagnostics = error.diag
    if diagnostics.message_primary is None:
        return str(error).strip()
    parts = [f"{diagnostics.message_primary} ({diagnostics.sqlstate})"]
    parts += [f"  {part}" for part in (diagnostics.message_detail, diagnostics.message_hint) if part]
    return "\n".join(parts)


def is_not_installed(error: BaseException) -> bool:
    """Whether an error of any driver says that the database has no ghostwatch, or none that this package knows."""
    # SQLAlchemy has the driver's error in orig, Django as the cause; psycopg2 calls the SQLSTATE pgcode.
    for one in (error, getattr(error, "orig", None), error.__cause__):
        code = getattr(one, "sqlstate", None) or getattr(one, "pgcode", None)
        # An undefined schema, function or table; an expression of the contract may miss another.
        # What follows the first line is context, which always names ghostwatch.
        if code in ("3F000", "42883", "42P01"):
            return "ghostwatch" in str(one).partition("\n")[0]
    return False
