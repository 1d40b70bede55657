"""Everything that an installation consists of, read from the catalogs so that two can be compared."""

from __future__ import annotations

from typing import Any

from psycopg import Connection

SCHEMAS = ["ghostwatch", "onboarding"]

# Each query takes the schemas and returns rows that are the same wherever the same thing is installed.
QUERIES = {
    "schemas": """
        SELECT n.nspname, n.nspacl::text, obj_description(n.oid, 'pg_namespace')
        FROM pg_namespace AS n
        WHERE n.nspname = ANY(%s::text[])
    """,
    "routines": """
        SELECT p.oid::regprocedure::text, pg_get_functiondef(p.oid), p.proacl::text,
            obj_description(p.oid, 'pg_proc')
        FROM pg_proc AS p
        WHERE p.pronamespace::regnamespace::text = ANY(%s) AND p.prokind <> 'a'
    """,
    "relations": """
        SELECT c.oid::regclass::text, c.relkind, c.relacl::text, c.reloptions::text, c.relpersistence,
            obj_description(c.oid, 'pg_class'), CASE c.relkind WHEN 'v' THEN pg_get_viewdef(c.oid) END
        FROM pg_class AS c
        WHERE c.relnamespace::regnamespace::text = ANY(%s)
    """,
    "columns": """
        SELECT a.attrelid::regclass::text, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
            a.attidentity, pg_get_expr(d.adbin, d.adrelid), a.attacl::text, col_description(a.attrelid, a.attnum)
        FROM pg_attribute AS a
        JOIN pg_class AS c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE c.relnamespace::regnamespace::text = ANY(%s) AND a.attnum > 0
    """,
    "constraints": """
        SELECT c.conrelid::regclass::text, c.conname, pg_get_constraintdef(c.oid),
            obj_description(c.oid, 'pg_constraint')
        FROM pg_constraint AS c
        WHERE c.connamespace::regnamespace::text = ANY(%s)
    """,
    "indexes": """
        SELECT i.tablename, i.indexname, i.indexdef FROM pg_indexes AS i WHERE i.schemaname = ANY(%s)
    """,
    "triggers": """
        SELECT t.tgrelid::regclass::text, t.tgname, pg_get_triggerdef(t.oid)
        FROM pg_trigger AS t
        JOIN pg_class AS c ON c.oid = t.tgrelid
        WHERE c.relnamespace::regnamespace::text = ANY(%s) AND NOT t.tgisinternal
    """,
}


def inventory(connection: Connection[Any]) -> dict[str, list[tuple[Any, ...]]]:
    """What is installed in the two schemas, with definitions, grants and comments."""
    return {
        what: sorted(connection.execute(query.encode(), [SCHEMAS]).fetchall(), key=repr)
        for what, query in QUERIES.items()
    }
