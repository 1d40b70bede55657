CREATE FUNCTION ghostwatch._doctor_indexes()
RETURNS SETOF ghostwatch._finding
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_doctor_indexes$
-- Subjects are read by birth and by key, related rows by key.
BEGIN
    RETURN QUERY
    WITH looked_up AS (
        SELECT DISTINCT
            c.subject AS relation,
            c.key_columns AS columns,
            ARRAY['btree', 'hash']::name[] AS methods,
            false AS partial,
            'Every open violation reads all of it.' AS consequence,
            NULL AS otherwise
        FROM ghostwatch._clause AS c
        UNION ALL
        SELECT DISTINCT
            c.related,
            c.related_key_columns,
            ARRAY['btree', 'hash']::name[],
            c.predicate IS NOT NULL,
            'Every new subject reads all of it.',
            NULL
        FROM ghostwatch._clause AS c
        UNION ALL
        SELECT
            c.subject,
            ARRAY[c.born_at_column],
            ARRAY['btree']::name[],
            false,
            'Every check reads all of it.',
            format('-- or let the database note arrivals: SELECT ghostwatch.declare_contract(%L, capture => true);', c.name)
        FROM ghostwatch.contract AS c
        WHERE NOT c.capture
            AND c.born_at_expression IS NULL
    )

    SELECT
        'indexes',
        'warning',
        format('%s has no index on %s. %s', l.relation, ghostwatch._column_names(l.columns), l.consequence),
        concat_ws(' ', advice.statement, l.otherwise)
    FROM looked_up AS l
    CROSS JOIN LATERAL ghostwatch._index_advice(l.relation, l.columns, l.methods, l.partial) AS advice (statement)
    WHERE advice.statement IS NOT NULL
    ORDER BY l.relation::text, l.columns;

    IF NOT FOUND THEN
        RETURN QUERY
        SELECT 'indexes', 'ok', 'Every check finds its rows by index.', NULL::text;
    END IF;
END
$_doctor_indexes$;

COMMENT ON FUNCTION ghostwatch._doctor_indexes() IS
'The doctor on the indexes that checks need on subject and related tables.';
