CREATE FUNCTION ghostwatch._written_together(
    clause ghostwatch._clause
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_written_together$
    -- Only tables have xmin. A savepoint has a transaction identifier of its own: there, equal times decide.
    SELECT format(
        E'SELECT CASE WHEN pg_catalog.bool_or(%1$s) THEN ''together'' WHEN pg_catalog.bool_and(%2$s) THEN ''separate'' ELSE ''unknown'' END '
        'FROM %3$s AS r WHERE r.%4$I = s.%5$I%6$s AND (\n%7$s\n)',
        concat_ws(
            ' OR ',
            CASE WHEN is_table THEN 'r.xmin::pg_catalog.text OPERATOR(pg_catalog.=) s.xmin::pg_catalog.text' END,
            CASE
                WHEN i.related_at_column IS NOT NULL
                    AND ghostwatch._column_type((clause).related, i.related_at_column) = ghostwatch._column_type((clause).subject, (clause).born_at_column)
                    THEN format('r.%I::pg_catalog.text OPERATOR(pg_catalog.=) s.%I::pg_catalog.text', i.related_at_column, (clause).born_at_column)
            END,
            'false'
        ),
        CASE
            WHEN is_table THEN 'pg_catalog.age(r.xmin) OPERATOR(pg_catalog.<) pg_catalog.age(s.xmin)'
            WHEN i.related_at_column IS NOT NULL THEN 'true'
            ELSE 'false'
        END,
        (clause).related,
        (clause).related_key_column,
        (clause).key_column,
        ghostwatch._key_cast((clause).subject, (clause).key_column, (clause).related, (clause).related_key_column),
        coalesce((clause).predicate, 'true')
    )
    FROM ghostwatch.invariant AS i
    CROSS JOIN LATERAL (SELECT r.relkind IN ('r', 'p') AS is_table FROM pg_class AS r WHERE r.oid = i.related) AS k
    WHERE i.invariant_id = (clause).invariant_id
$_written_together$;

COMMENT ON FUNCTION ghostwatch._written_together(ghostwatch._clause) IS
'SQL that says of a subject s whether its row of a clause was written in one transaction with it: together, separate or unknown.';
