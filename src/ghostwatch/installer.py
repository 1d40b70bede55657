"""Installs the plain SQL scripts that the package carries."""

from __future__ import annotations

from importlib.resources import files

import psycopg

from ghostwatch.errors import CommandError


def install(dsn: str, *, onboarding: bool = False) -> list[str]:
    """Installs ghostwatch in one transaction and returns what it did, line by line."""
    try:
        with psycopg.connect(dsn, application_name="ghostwatch install") as connection:
            connection.execute(_script("ghostwatch"))
            if onboarding:
                connection.execute(_script("ghostwatch_onboarding"))
            found = connection.execute(
                "SELECT version, current_database(), current_user FROM ghostwatch.installation"
            ).fetchone()
            adopted = _adopt(connection) if onboarding else []
    except psycopg.Error as error:
        raise CommandError(_explain(error)) from error
    assert found is not None
    version, database, owner = found
    return [f"ghostwatch {version} installed in database {database}, owned by {owner}", *adopted]


def _script(name: str) -> bytes:
    try:
        return (files("ghostwatch") / "sql" / f"{name}.sql").read_bytes()
    except FileNotFoundError:
        raise CommandError(f"the script {name}.sql has not been built; run: make dist") from None


def _adopt(connection: psycopg.Connection) -> list[str]:
    """Creates the bot's tables where they are missing and declares the contract over them."""
    connection.execute("SET LOCAL search_path TO DEFAULT")
    return [" ".join(map(str, row)) for row in connection.execute("SELECT * FROM onboarding.adopt()")]


def _explain(error: psycopg.Error) -> str:
    """The database's message with its detail and hint, which say what to do about it."""
    diagnostics = error.diag
    if diagnostics.message_primary is None:
        return str(error).strip()
    parts = [f"{diagnostics.message_primary} ({diagnostics.sqlstate})"]
    parts += [f"  {part}" for part in (diagnostics.message_detail, diagnostics.message_hint) if part]
    return "\n".join(parts)
