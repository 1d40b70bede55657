"""Installs or upgrades a database, or says what that would do: `ghostwatch migrate`."""

from __future__ import annotations

import re
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final, LiteralString

import psycopg

from ghostwatch.errors import CommandError, explain

PARTS: Final = {"ghostwatch": "ghostwatch", "ghostwatch_onboarding": "onboarding"}
# Each attempt waits for locks as long as lock_timeout says, and lets everybody else go on in between.
ATTEMPTS: Final = 5

# Decided by the catalogs, so that nothing is read but a plain table.
FIND: Final[LiteralString] = """
    SELECT pg_catalog.pg_get_userbyid(c.relowner)
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relname = 'installation' AND c.relkind = 'r' AND c.relowner = n.nspowner
        AND NOT c.relrowsecurity AND NOT c.relhasrules
"""
# What consists of what, to compare before and after.
OBJECTS: Final[LiteralString] = """
    WITH own AS (SELECT n.oid FROM pg_catalog.pg_namespace AS n WHERE n.nspname IN ('ghostwatch', 'onboarding'))
    SELECT 'function', p.oid::regprocedure::text, pg_catalog.md5(pg_catalog.pg_get_functiondef(p.oid))
    FROM pg_catalog.pg_proc AS p WHERE p.pronamespace IN (SELECT oid FROM own)
    UNION ALL
    SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'r' THEN 'table' WHEN 'i' THEN 'index' WHEN 'S' THEN 'sequence'
        ELSE 'type' END, c.oid::regclass::text,
        CASE c.relkind WHEN 'v' THEN pg_catalog.pg_get_viewdef(c.oid)
            WHEN 'i' THEN pg_catalog.pg_get_indexdef(c.oid) END
    FROM pg_catalog.pg_class AS c WHERE c.relnamespace IN (SELECT oid FROM own)
    UNION ALL
    SELECT 'column', a.attrelid::regclass::text || '.' || a.attname,
        pg_catalog.format_type(a.atttypid, a.atttypmod) || a.attnotnull
            || coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid), '')
    FROM pg_catalog.pg_attribute AS a
    JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid AND c.relkind = 'r'
    LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE c.relnamespace IN (SELECT oid FROM own) AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT 'constraint', t.conrelid::regclass::text || '.' || t.conname, pg_catalog.pg_get_constraintdef(t.oid)
    FROM pg_catalog.pg_constraint AS t WHERE t.connamespace IN (SELECT oid FROM own) AND t.conrelid <> 0
    UNION ALL
    SELECT 'policy', p.schemaname || '.' || p.tablename || '.' || p.policyname, p.qual || p.with_check
    FROM pg_catalog.pg_policies AS p WHERE p.schemaname IN ('ghostwatch', 'onboarding')
"""
# The strongest lock of this transaction on each relation that is not the server's own.
LOCKS: Final[LiteralString] = """
    SELECT DISTINCT ON (l.relation) l.relation, l.mode
    FROM pg_catalog.pg_locks AS l
    LEFT JOIN pg_catalog.pg_class AS c ON c.oid = l.relation
    WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation' AND l.granted AND l.relation >= 16384
        AND coalesce(c.relkind NOT IN ('i', 't'), true)
        AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = current_database())
    ORDER BY l.relation, pg_catalog.array_position(ARRAY[
        'AccessExclusiveLock', 'ExclusiveLock', 'ShareRowExclusiveLock', 'ShareLock', 'ShareUpdateExclusiveLock',
        'RowExclusiveLock', 'RowShareLock', 'AccessShareLock'], l.mode)
"""


@dataclass(frozen=True)
class Change:
    """One script that is due: it installs a part, or changes its version."""

    part: str
    before: str | None
    after: str
    statement: str

    def __str__(self) -> str:
        """What it does, in a few words."""
        return f"{self.part}: " + (f"install {self.after}" if self.before is None else f"{self.before} to {self.after}")


def migrate(dsn: str, *, onboarding: bool = False, to: str | None = None, to_extension: bool = False) -> list[str]:
    """Installs or upgrades whatever is due in one transaction, and returns what it did, line by line."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with _connect(dsn) as connection:
                changes = due(connection, onboarding=onboarding, to=to, to_extension=to_extension)
                _run(connection, changes)
        # A sidecar, or whoever else reads these tables, may have locked them in another order.
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
            if attempt == ATTEMPTS:
                raise CommandError(f"{explain(error)}\n  tried {ATTEMPTS} times; nothing was changed") from error
        except psycopg.Error as error:
            raise CommandError(explain(error)) from error
        else:
            break
    return [str(change) for change in changes] or ["nothing to do"]


def dry_run(dsn: str, *, onboarding: bool = False, to: str | None = None, to_extension: bool = False) -> list[str]:
    """Does the same in a transaction that is rolled back, and returns what it changed, what it locked, for how long."""
    try:
        with _connect(dsn) as connection:
            changes = due(connection, onboarding=onboarding, to=to, to_extension=to_extension)
            if not changes:
                return ["nothing to do"]
            before, names = _objects(connection), _names(connection)
            began = time.monotonic()
            _run(connection, changes)
            took = time.monotonic() - began
            locks = connection.execute(LOCKS).fetchall()
            after = _objects(connection)
            connection.rollback()
    except psycopg.Error as error:
        raise CommandError(explain(error)) from error
    return [
        *(f"would do {change}" for change in changes),
        *_differences(before, after, in_full=all(change.before for change in changes)),
        f"locks, each held for at most {took:.2f} s:",
        # What did not exist before cannot make anybody wait.
        *sorted(f"  {names[oid]}: {mode}" for oid, mode in locks if oid in names),
        "rolled back: nothing was changed",
    ]


def script(dsn: str, *, onboarding: bool = False, to: str | None = None, to_extension: bool = False) -> str:
    """What migrate() would run, for review."""
    try:
        with _connect(dsn) as connection:
            changes = due(connection, onboarding=onboarding, to=to, to_extension=to_extension)
    except psycopg.Error as error:
        raise CommandError(explain(error)) from error
    return "\n".join(change.statement for change in changes) or "-- nothing to do\n"


def behind(dsn: str, *, onboarding: bool = False) -> list[str]:
    """What is due, line by line; nothing where the database is as new as this package."""
    try:
        with _connect(dsn) as connection:
            return [str(change) for change in due(connection, onboarding=onboarding, to=None, for_any_role=True)]
    except psycopg.Error as error:
        raise CommandError(explain(error)) from error


def due(
    connection: psycopg.Connection[Any],
    *,
    onboarding: bool,
    to: str | None,
    to_extension: bool = False,
    for_any_role: bool = False,
) -> list[Change]:
    """The scripts that are due, in their order. Raises CommandError where there is no way to the version.

    to_extension: what is installed as plain SQL becomes an extension afterwards.
    """
    target = to or packaged_version()
    changes: list[Change] = []
    conversions: list[Change] = []
    for part in PARTS:
        owner, installed, kind = _installed(connection, part)
        if installed is None:
            if to is None and (part == "ghostwatch" or onboarding):
                changes.append(Change(part, None, target, _packaged(f"{part}.sql")))
            continue
        if to_extension and kind == "plain":
            conversions.append(_conversion(connection, part))
        if installed == target or (to is None and _order(installed) > _order(target)):
            continue
        (user,) = connection.execute("SELECT current_user").fetchone() or (None,)
        if owner != user and not for_any_role:
            raise CommandError(
                f"{part} belongs to role {owner}, and what is upgraded must go on belonging to it\n"
                f"  Connect as that role, or as a member of it with: --dsn \"... options='-c role={owner}'\""
            )
        path = _path(part, installed, target)
        if kind == "extension":
            changes.append(Change(part, installed, target, _update(connection, part, target)))
        else:
            changes += [Change(part, old, new, _packaged(f"{part}_{old}_to_{new}.sql")) for old, new in path]
    # ghostwatch is upgraded before what needs it, and goes back after it.
    if changes and changes[0].before is not None and _order(changes[0].before) > _order(target):
        changes.sort(key=lambda change: list(PARTS).index(change.part), reverse=True)
    return changes + conversions


def packaged_version() -> str:
    """The version of the scripts that this package carries."""
    found = re.match(r"-- ghostwatch (\S+),", _packaged("ghostwatch.sql"))
    assert found is not None
    return found[1]


def _path(part: str, installed: str, target: str) -> list[tuple[str, str]]:
    """The upgrades, one after the other, that lead from one version to another."""
    steps = [
        (found[1], found[2])
        for file in files("ghostwatch").joinpath("sql").iterdir()
        if (found := re.fullmatch(rf"{part}_([\d.]+)_to_([\d.]+)\.sql", file.name))
    ]
    waiting: deque[tuple[str, list[tuple[str, str]]]] = deque([(installed, [])])
    seen = {installed}
    while waiting:
        number, path = waiting.popleft()
        if number == target:
            return path
        for old, new in steps:
            if old == number and new not in seen:
                seen.add(new)
                waiting.append((new, [*path, (old, new)]))
    raise CommandError(f"{part} {installed} is installed, and this package knows no way from there to {target}")


def _update(connection: psycopg.Connection[Any], part: str, target: str) -> str:
    _require_files(connection, part, target)
    return f"ALTER EXTENSION {part} UPDATE TO '{target}';\n"


def _conversion(connection: psycopg.Connection[Any], part: str) -> Change:
    number = packaged_version()
    _require_files(connection, part, number)
    return Change(part, f"{number} as plain SQL", f"{number} as extension", _packaged(f"{part}_to_extension.sql"))


def _require_files(connection: psycopg.Connection[Any], part: str, target: str) -> None:
    available = connection.execute(
        "SELECT FROM pg_catalog.pg_available_extension_versions AS a WHERE a.name = %s AND a.version = %s",
        [part, target],
    ).fetchone()
    if available is None:
        raise CommandError(
            f"the server has no files of {part} {target}, and an extension consists of its server's files\n"
            "  On the server: make install"
        )


def _installed(connection: psycopg.Connection[Any], part: str) -> tuple[str | None, str | None, str | None]:
    """Whose the installation is, its version and its kind; None where there is none."""
    schema = PARTS[part]
    found = connection.execute(FIND, [schema]).fetchone()
    if found is None:
        return None, None, None
    row = connection.execute(f"SELECT version, kind FROM {schema}.installation".encode()).fetchone()
    assert row is not None
    return found[0], row[0], row[1]


def _connect(dsn: str) -> psycopg.Connection[Any]:
    return psycopg.connect(dsn, application_name="ghostwatch migrate")


def _run(connection: psycopg.Connection[Any], changes: Sequence[Change]) -> None:
    for change in changes:
        connection.execute(change.statement.encode())


def _packaged(file: str) -> str:
    try:
        return (files("ghostwatch") / "sql" / file).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise CommandError(f"the script {file} has not been built; run: make dist") from None


def _order(number: str) -> tuple[int, ...]:
    return tuple(int(part) for part in number.split("."))


def _objects(connection: psycopg.Connection[Any]) -> dict[tuple[str, str], str | None]:
    return {(kind, name): definition for kind, name, definition in connection.execute(OBJECTS)}


def _names(connection: psycopg.Connection[Any]) -> dict[int, str]:
    """Every relation that there is, for those that are gone when the locks are read."""
    return dict(
        connection.execute(
            "SELECT c.oid, n.nspname || '.' || c.relname "
            "FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
        ).fetchall()
    )


def _differences(
    before: dict[tuple[str, str], str | None], after: dict[tuple[str, str], str | None], *, in_full: bool
) -> Iterator[str]:
    """How many objects of each kind are new, gone or changed; and which, if it is asked for in full."""
    found = {
        key: "new" if key not in before else "gone" if key not in after else "changed"
        for key in before.keys() | after.keys()
        if key not in before or key not in after or before[key] != after[key]
    }
    counts = Counter((kind, what) for (kind, _), what in found.items())
    for (kind, what), count in sorted(counts.items()):
        yield f"  {kind}: {count} {what}"
    if in_full:
        for (kind, name), what in sorted(found.items()):
            yield f"    {what} {kind} {name}"
