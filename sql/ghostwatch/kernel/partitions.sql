CREATE FUNCTION ghostwatch._partitions(
    relation oid
)
RETURNS SETOF oid
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $_partitions$
    -- From the catalog: pg_partition_tree() locks what it lists, and would wait for the very session that is looked for.
    WITH RECURSIVE tree AS (
        SELECT _partitions.relation AS relid
        UNION
        SELECT i.inhrelid
        FROM tree AS t
        INNER JOIN pg_inherits AS i
            ON i.inhparent = t.relid
    )

    SELECT t.relid
    FROM tree AS t
$_partitions$;

COMMENT ON FUNCTION ghostwatch._partitions(oid) IS
'A table and all its partitions, without a lock on any of them.';
