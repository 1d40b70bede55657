"""What `ghostwatch mark` does: it sets a deploy marker, from CI or a deploy script."""

from __future__ import annotations

import psycopg

from ghostwatch.errors import CommandError, explain, is_not_installed


def mark(dsn: str, label: str) -> str:
    """Sets a deploy marker; returns a line that says so."""
    try:
        with psycopg.connect(dsn, application_name="ghostwatch") as connection:
            row = connection.execute("SELECT ghostwatch.mark(%s)::timestamptz(0)::text", (label,)).fetchone()
    except psycopg.errors.InsufficientPrivilege as error:
        hint = "  Connect as the installer, or as a role given to SELECT ghostwatch.grant_operator('role');"
        raise CommandError(f"{explain(error)}\n{hint}") from error
    except psycopg.Error as error:
        if is_not_installed(error):
            raise CommandError("ghostwatch is not installed in this database; run: ghostwatch install") from None
        raise CommandError(explain(error)) from error
    assert row is not None
    return f"marked at {row[0]}: {label}"
