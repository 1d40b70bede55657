"""Writes the tables in docs/ that the database knows best. `make docs` runs it; a test fails when one is stale."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from typing import Any, Final, LiteralString

import psycopg

from ghostwatch.settings import environment_table
from scripts.build import ROOT, SOURCES, build, upgrade_locks
from tests.support.cluster import Cluster

# The settings of the sidecar, which no query knows.
ENVIRONMENT: Final[LiteralString] = "environment"
# The attacks that the tests try, which are marked there.
ATTACKS: Final[LiteralString] = "attacks"
# What each upgrade locks, which the steps in migrations/ say.
RELEASES: Final[LiteralString] = "releases"

# Which part of which document comes from which query: the column names are the table's head.
TABLES: Final[dict[str, dict[str, LiteralString]]] = {
    "../migrations/README.md": {"releases": RELEASES},
    "deploy.md": {"environment": ENVIRONMENT},
    "security.md": {"attacks": ATTACKS},
    "operating.md": {
        "settings": """
            SELECT
                '`' || name || '`' AS setting,
                default_value AS "default",
                description AS "what it is for"
            FROM ghostwatch.settings
        """,
    },
    "reference.md": {
        "functions": r"""
            SELECT
                format('`%s.%s(%s)`', p.pronamespace::regnamespace, p.proname, (
                    SELECT string_agg(given.name, ', ' ORDER BY given.place)
                    FROM unnest(p.proargnames, p.proargmodes) WITH ORDINALITY AS given (name, mode, place)
                    WHERE coalesce(given.mode, 'i') = 'i'
                        AND given.name <> 'credential'
                )) AS function,
                CASE
                    WHEN p.oid IN (SELECT f FROM ghostwatch._sidecar_functions() AS f) THEN 'sidecar'
                    WHEN p.oid IN (SELECT f FROM ghostwatch._viewer_functions() AS f) THEN 'viewer'
                    WHEN p.proname LIKE 'grant%' OR p.proname = 'adopt' THEN 'installer'
                    WHEN p.pronamespace = 'onboarding'::regnamespace THEN 'application'
                    ELSE 'operator'
                END AS "for",
                regexp_replace(d.description, ':?(\n| Raises ).*', '') AS "what it does"
            FROM pg_proc AS p
            CROSS JOIN LATERAL obj_description(p.oid, 'pg_proc') AS d (description)
            WHERE p.pronamespace IN ('ghostwatch'::regnamespace, 'onboarding'::regnamespace)
                AND p.proname NOT LIKE '\_%'
            ORDER BY p.pronamespace, p.proname, p.oid::regprocedure::text
        """,
        "relations": r"""
            SELECT
                format('`%s.%s`', c.relnamespace::regnamespace, c.relname) AS "table or view",
                obj_description(c.oid, 'pg_class') AS "what is in it"
            FROM pg_class AS c
            WHERE c.relnamespace IN ('ghostwatch'::regnamespace, 'onboarding'::regnamespace)
                AND c.relkind IN ('r', 'v')
                AND c.relname NOT LIKE '\_%'
            ORDER BY c.relnamespace, c.relname
        """,
    },
    "contract.md": {
        "clauses": """
            SELECT
                '`' || i.name || '`' AS clause,
                'has ' || i.missing_label AS "every new user",
                CASE
                    WHEN i.error_after = '0' THEN 'at once'
                    ELSE format('in %s min; warning after %s', extract(minute FROM i.error_after)::int,
                        extract(minute FROM i.warn_after)::int)
                END AS due,
                i.description AS why
            FROM ghostwatch.invariant AS i
            ORDER BY i.invariant_id
        """,
        "rows": """
            SELECT
                '`' || i.name || '`' AS clause,
                format('`%s.%s`', i.related, ghostwatch._column_names(i.related_key_column)) AS "row by key",
                coalesce('`' || i.predicate || '`', '') AS condition
            FROM ghostwatch.invariant AS i
            ORDER BY i.invariant_id
        """,
        "families": """
            SELECT
                '`' || f.family || '`' AS family,
                '`' || f.pattern || '`' AS "deep links"
            FROM ghostwatch.branch_family AS f
            ORDER BY f.pattern
        """,
        "exempt": """
            SELECT '`' || c.exempt_predicate || '`' AS "exempt is who satisfies"
            FROM ghostwatch.contract AS c
        """,
    },
}


def render(document: str, text: str, connection: psycopg.Connection[Any]) -> str:
    """The document's text with its generated parts as the database has them now."""
    for part, query in TABLES[document].items():
        begin, end = f"<!-- generated: {part} -->\n", "<!-- end -->\n"
        before, found, rest = text.partition(begin)
        _, also_found, after = rest.partition(end)
        assert found and also_found, f"docs/{document} has no place for {part}"
        text = before + begin + _rows(query, connection) + end + after
    return text


def attacks() -> list[tuple[str, str, str, str]]:
    """What is tried, by whom, how it ends, and the test that shows it: from the marks `attack` of the tests."""
    found = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for test in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for mark in test.decorator_list if isinstance(test, ast.FunctionDef) else []:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.attack":
                    (tries,), named = mark.args, {word.arg: ast.literal_eval(word.value) for word in mark.keywords}
                    place = f"[{path.stem}](../{path.relative_to(ROOT)})"
                    found.append((ast.literal_eval(tries), named["role"], named["result"], place))
    return found


def releases() -> list[tuple[str, str, str]]:
    """What the upgrade to each version locks, newest first."""
    parts = [upgrade_locks(name) for name in SOURCES]
    rows = []
    for number in reversed(parts[0]):
        locks = [part[number] for part in parts]
        last = "; at the end those with policies" if any(lock.policies for lock in locks) else ""
        tables = _names(table for lock in locks for table in lock.tables)
        rows.append((number, (tables or "no table") + last, _names(t for lock in locks for t in lock.scanned)))
    return rows


def _names(tables: Iterable[str]) -> str:
    return ", ".join(f"`{table}`" for table in sorted(tables))


def _rows(query: LiteralString, connection: psycopg.Connection[Any]) -> str:
    if query == ENVIRONMENT:
        return _table(["variable", "default", "what it is for"], environment_table())
    if query == RELEASES:
        return _table(["upgrade to", "locks until its end", "longer, the more rows are in"], releases())
    if query == ATTACKS:
        return _table(["attack", "role", "result", "test"], attacks())
    cursor = connection.execute(query)
    assert cursor.description is not None
    return _table([column.name for column in cursor.description], cursor.fetchall())


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    return "".join(_line(row) for row in [head, ["---"] * len(head), *rows])


def _line(values: Sequence[object]) -> str:
    escaped = (str(value).replace("|", r"\|").replace("\n", " ") for value in values)
    return f"| {' | '.join(escaped)} |\n"


def main() -> None:
    """Brings every document up to date."""
    build()
    with Cluster() as cluster, cluster.connect() as connection:
        connection.execute("CREATE EXTENSION ghostwatch")
        connection.execute("CREATE EXTENSION ghostwatch_onboarding")
        connection.execute("SELECT FROM onboarding.adopt()")
        for document in TABLES:
            path = ROOT / "docs" / document
            path.write_text(render(document, path.read_text(encoding="utf-8"), connection), encoding="utf-8")


if __name__ == "__main__":
    main()
