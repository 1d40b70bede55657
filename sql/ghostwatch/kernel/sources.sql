CREATE FUNCTION ghostwatch._sources(
    relation oid
)
RETURNS SETOF oid
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $_sources$
    -- What a view reads stands in the dependencies of its rule. A materialized view is where it ends: its rows appear
    -- when it is refreshed, whatever it reads.
    WITH RECURSIVE source AS (
        SELECT _sources.relation AS relid
        UNION
        SELECT next.relid
        FROM source AS s
        INNER JOIN pg_class AS c
            ON c.oid = s.relid
        CROSS JOIN LATERAL (
            SELECT i.inhrelid
            FROM pg_inherits AS i
            WHERE c.relhassubclass
                AND i.inhparent = c.oid
            UNION ALL
            SELECT d.refobjid
            FROM pg_rewrite AS r
            INNER JOIN pg_depend AS d
                ON d.classid = 'pg_rewrite'::regclass
                AND d.objid = r.oid
                AND d.refclassid = 'pg_class'::regclass
            WHERE c.relkind = 'v'
                AND r.ev_class = c.oid
        ) AS next (relid)
    )

    SELECT s.relid
    FROM source AS s
$_sources$;

COMMENT ON FUNCTION ghostwatch._sources(oid) IS
'A relation, its partitions, and the tables that it reads if it is a view, without a lock on any of them.';
