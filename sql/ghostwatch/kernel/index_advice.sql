CREATE FUNCTION ghostwatch._index_advice(
    relation regclass,
    columns name[],
    methods name[],
    partial boolean
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_index_advice$
    -- A partitioned table can be indexed concurrently only partition by partition. Indexes of foreign tables stand on their
    -- own servers.
    SELECT CASE
        WHEN r.relkind = 'p' THEN
            coalesce((
                SELECT string_agg(format('CREATE INDEX CONCURRENTLY ON %s (%s); ', leaf.oid::regclass, ghostwatch._column_names(columns)), '' ORDER BY leaf.oid)
                FROM ghostwatch._partitions(relation) AS t (relid)
                INNER JOIN pg_class AS leaf
                    ON leaf.oid = t.relid
                WHERE leaf.relkind = 'r'
            ), '') || format('CREATE INDEX ON %s (%s);', relation, ghostwatch._column_names(columns))
        ELSE format('CREATE INDEX CONCURRENTLY ON %s (%s);', relation, ghostwatch._column_names(columns))
    END
    FROM pg_class AS r
    WHERE r.oid = relation
        AND r.relkind IN ('r', 'p', 'm')
        AND (
            r.relkind <> 'p'
            OR (
                SELECT bool_or(leaf.relkind = 'r') OR NOT bool_or(leaf.relkind = 'f')
                FROM ghostwatch._partitions(relation) AS t (relid)
                INNER JOIN pg_class AS leaf
                    ON leaf.oid = t.relid
            )
        )
        AND NOT EXISTS (
            SELECT
            FROM pg_index AS i
            INNER JOIN pg_class AS x
                ON x.oid = i.indexrelid
            INNER JOIN pg_am AS m
                ON m.oid = x.relam
            WHERE i.indrelid = r.oid
                AND i.indisvalid
                -- It leads on the columns in any order, or on some of them and is unique.
                AND (
                    SELECT CASE WHEN i.indisunique THEN array_agg(a.attname) <@ columns ELSE array_agg(a.attname) @> columns END
                    FROM generate_series(0, least(i.indnkeyatts, cardinality(columns)) - 1) AS place
                    INNER JOIN pg_attribute AS a
                        ON a.attrelid = i.indrelid
                        AND a.attnum = i.indkey[place]
                )
                AND m.amname = ANY (methods)
                AND (partial OR i.indpred IS NULL)
        )
$_index_advice$;

COMMENT ON FUNCTION ghostwatch._index_advice(regclass, name[], name[], boolean) IS
'The statement that creates an index by which rows of a table are found by columns;
NULL where there is one, or where the relation can have none (views, foreign tables, tables of which all partitions are foreign).';
