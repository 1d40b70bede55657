CREATE FUNCTION ghostwatch._written_together(
    clause ghostwatch._clause
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_written_together$
    -- Only tables have xmin. A savepoint has a transaction identifier of its own, and a row that was updated that of the
    -- last update: there, equal times of DEFAULT now() decide.
    SELECT CASE WHEN (clause).no_row THEN 'SELECT ''together''' ELSE format(
        E'SELECT CASE WHEN pg_catalog.bool_or(%1$s) THEN ''together'' WHEN pg_catalog.bool_and(%2$s) THEN %4$L ELSE ''unknown'' END '
        'FROM %3$s',
        concat_ws(
            ' OR ',
            CASE WHEN k.is_table THEN 'r.xmin::pg_catalog.text OPERATOR(pg_catalog.=) s.xmin::pg_catalog.text' END,
            (
                SELECT string_agg(format('r.%I::pg_catalog.text OPERATOR(pg_catalog.=) s.%I::pg_catalog.text', a.attname, b.attname), ' OR ')
                FROM pg_attribute AS a
                INNER JOIN pg_attribute AS b
                    ON b.atttypid = a.atttypid
                LEFT JOIN pg_attrdef AS d
                    ON d.adrelid = a.attrelid
                    AND d.adnum = a.attnum
                WHERE a.attrelid = i.related
                    AND a.attnum > 0
                    AND NOT a.attisdropped
                    AND b.attrelid = (clause).subject
                    AND b.attname = (clause).born_at_column
                    AND (clause).born_at_expression IS NULL
                    AND (
                        a.attname = i.related_at_column
                        OR pg_get_expr(d.adbin, d.adrelid) ~ '(now|transaction_timestamp)\(\)|CURRENT_TIMESTAMP'
                    )
            ),
            'false'
        ),
        CASE
            WHEN k.is_table THEN 'pg_catalog.age(r.xmin) OPERATOR(pg_catalog.<) pg_catalog.age(s.xmin)'
            WHEN i.related_at_column IS NOT NULL THEN 'true'
            ELSE 'false'
        END,
        ghostwatch._related_rows(clause),
        CASE WHEN k.is_updated THEN 'updated' ELSE 'separate' END
    ) END
    FROM ghostwatch.invariant AS i
    CROSS JOIN LATERAL (
        SELECT
            r.relkind IN ('r', 'p') AS is_table,
            (
                SELECT coalesce(sum(pg_stat_get_tuples_updated(t.relid)), 0) > 0
                FROM ghostwatch._partitions(r.oid) AS t (relid)
            ) AS is_updated
        FROM pg_class AS r
        WHERE r.oid = i.related
    ) AS k
    WHERE i.invariant_id = (clause).invariant_id
$_written_together$;

COMMENT ON FUNCTION ghostwatch._written_together(ghostwatch._clause) IS
'SQL that says of a subject s whether its row of a clause was written in one transaction with it: together, separate, updated (separate, or written anew since) or unknown.';
