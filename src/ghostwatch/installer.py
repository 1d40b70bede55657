"""Installs the plain SQL scripts that the package carries."""

from __future__ import annotations

from importlib.resources import files

import psycopg

from ghostwatch.errors import CommandError, explain


def install(dsn: str, *, onboarding: bool = False) -> list[str]:
    """Installs ghostwatch in one transaction and returns what it did, line by line.

    onboarding: install the onboarding contract too, or only it where ghostwatch is there already.
    """
    try:
        with psycopg.connect(dsn, application_name="ghostwatch install") as connection:
            if not (onboarding and _is_installed(connection)):
                connection.execute(_script("ghostwatch"))
            if onboarding:
                connection.execute(_script("ghostwatch_onboarding"))
                findings = connection.execute("SELECT object, finding, advice FROM onboarding.adopt()").fetchall()
            else:
                findings = []
            found = connection.execute(
                "SELECT version, current_database(), installed_by FROM ghostwatch.installation"
            ).fetchone()
    except psycopg.Error as error:
        raise CommandError(explain(error)) from error
    assert found is not None
    version, database, owner = found
    return [
        f"ghostwatch {version} installed in database {database}, owned by {owner}",
        *(_finding(*finding) for finding in findings),
    ]


def _is_installed(connection: psycopg.Connection) -> bool:
    row = connection.execute("SELECT to_regclass('ghostwatch.installation')").fetchone()
    return row != (None,)


def _finding(thing: str, finding: str, advice: str | None) -> str:
    line = f"{thing}: {finding}"
    return f"{line}\n    {advice}" if advice else line


def _script(name: str) -> bytes:
    try:
        return (files("ghostwatch") / "sql" / f"{name}.sql").read_bytes()
    except FileNotFoundError:
        raise CommandError(f"the script {name}.sql has not been built; run: make dist") from None
