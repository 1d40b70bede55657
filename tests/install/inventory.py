"""Everything that an installation consists of, read from the catalogs so that two can be compared."""

from __future__ import annotations

from typing import Any

from psycopg import Connection

SCHEMAS = ["ghostwatch", "onboarding"]


def acl(of: str, default: str = "NULL") -> str:
    """Privileges in an order of their own: the catalogs keep the order in which they were granted.

    Those that the owner has by default are written out, as the catalogs do once something was granted or revoked.
    """
    return f"(SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(coalesce({of}, {default})) AS a)"


# Each query takes the schemas and returns rows that are the same wherever the same thing is installed.
# Columns are counted by their order among those that are left: dropped ones keep a number. pg_attver is a stamp of the
# server's own, which differs in each database (PostgreSQL 15.20 and releases of its time).
QUERIES = {
    "schemas": f"""
        SELECT n.nspname, {acl("n.nspacl", "acldefault('n', n.nspowner)")},
            n.nspowner::regrole::text, obj_description(n.oid, 'pg_namespace')
        FROM pg_namespace AS n
        WHERE n.nspname = ANY(%s::text[])
    """,
    "routines": f"""
        SELECT p.oid::regprocedure::text, pg_get_functiondef(p.oid), {acl("p.proacl", "acldefault('f', p.proowner)")},
            p.proowner::regrole::text, obj_description(p.oid, 'pg_proc')
        FROM pg_proc AS p
        WHERE p.pronamespace::regnamespace::text = ANY(%s) AND p.prokind <> 'a'
    """,
    "relations": f"""
        SELECT c.oid::regclass::text, c.relkind, c.relowner::regrole::text,
            {acl("c.relacl", '''acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner)''')},
            c.reloptions::text, c.relpersistence, c.relrowsecurity, c.relforcerowsecurity, c.relreplident,
            obj_description(c.oid, 'pg_class'), CASE c.relkind WHEN 'v' THEN pg_get_viewdef(c.oid) END
        FROM pg_class AS c
        WHERE c.relnamespace::regnamespace::text = ANY(%s)
    """,
    "columns": f"""
        SELECT a.attrelid::regclass::text, row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum), a.attname,
            format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated, a.attstorage,
            a.attstattarget, a.attcollation::regcollation::text,
            (SELECT string_agg(o, ' ') FROM unnest(a.attoptions) AS o WHERE o NOT LIKE 'pg_attver=%%'),
            pg_get_expr(d.adbin, d.adrelid), {acl("a.attacl")}, col_description(a.attrelid, a.attnum)
        FROM pg_attribute AS a
        JOIN pg_class AS c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE c.relnamespace::regnamespace::text = ANY(%s) AND a.attnum > 0 AND NOT a.attisdropped
    """,
    "types": f"""
        SELECT t.oid::regtype::text, t.typtype, {acl("t.typacl", "acldefault('T', t.typowner)")},
            t.typowner::regrole::text, t.typbasetype::regtype::text, t.typdefault, obj_description(t.oid, 'pg_type')
        FROM pg_type AS t
        WHERE t.typnamespace::regnamespace::text = ANY(%s)
    """,
    "constraints": """
        SELECT coalesce(nullif(c.conrelid, 0)::regclass::text, c.contypid::regtype::text), c.conname,
            pg_get_constraintdef(c.oid), c.convalidated, obj_description(c.oid, 'pg_constraint')
        FROM pg_constraint AS c
        WHERE c.connamespace::regnamespace::text = ANY(%s)
    """,
    "indexes": """
        SELECT i.tablename, i.indexname, i.indexdef FROM pg_indexes AS i WHERE i.schemaname = ANY(%s)
    """,
    "triggers": """
        SELECT t.tgrelid::regclass::text, t.tgname, t.tgenabled, pg_get_triggerdef(t.oid),
            obj_description(t.oid, 'pg_trigger')
        FROM pg_trigger AS t
        JOIN pg_class AS c ON c.oid = t.tgrelid
        WHERE c.relnamespace::regnamespace::text = ANY(%s) AND NOT t.tgisinternal
    """,
    "policies": """
        SELECT p.schemaname, p.tablename, p.policyname, p.permissive, p.roles::text, p.cmd, p.qual, p.with_check
        FROM pg_policies AS p
        WHERE p.schemaname = ANY(%s)
    """,
    "sequences": """
        SELECT s.schemaname, s.sequencename, s.data_type::text, s.start_value, s.min_value, s.max_value,
            s.increment_by, s.cycle, s.cache_size
        FROM pg_sequences AS s
        WHERE s.schemaname = ANY(%s)
    """,
    "dumped": """
        SELECT e.extname, dumped.relation::regclass::text, dumped.condition
        FROM pg_extension AS e
        CROSS JOIN unnest(e.extconfig, e.extcondition) AS dumped (relation, condition)
        WHERE replace(e.extname, 'ghostwatch_', '') = ANY(%s)
    """,
    "members": """
        SELECT e.extname, pg_describe_object(d.classid, d.objid, d.objsubid)
        FROM pg_depend AS d
        JOIN pg_extension AS e ON e.oid = d.refobjid
        WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
            AND replace(e.extname, 'ghostwatch_', '') = ANY(%s)
    """,
}
# What only an extension has.
EXTENSION_ONLY = {"dumped", "members"}


def inventory(connection: Connection[Any]) -> dict[str, list[tuple[Any, ...]]]:
    """What is installed in the two schemas, with definitions, grants and comments."""
    return {
        what: sorted(connection.execute(query.encode(), [SCHEMAS]).fetchall(), key=repr)
        for what, query in QUERIES.items()
    }
