CREATE FUNCTION ghostwatch._doctor_indexes()
RETURNS SETOF ghostwatch._finding
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_doctor_indexes$
-- Subjects are read by birth and by key, related rows by key. A column that is not there any more fails its check, which says so.
DECLARE
    clause  ghostwatch._clause;
    problem text;
    is_well boolean := true;
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
        AND NOT EXISTS (
            SELECT FROM unnest(l.columns) AS k (name)
            WHERE NOT EXISTS (
                SELECT FROM pg_attribute AS a
                WHERE a.attrelid = l.relation
                    AND a.attname = k.name
                    AND NOT a.attisdropped
            )
        )
    ORDER BY l.relation::text, l.columns;
    is_well := NOT FOUND;

    -- To plan an expression may run functions that it names: so only those of this role are planned.
    FOR clause IN
        SELECT DISTINCT ON (c.contract) c.*
        FROM ghostwatch._clause AS c
        INNER JOIN pg_class AS r
            ON r.oid = c.subject
            AND r.relkind IN ('r', 'p', 'm')
        WHERE NOT c.capture
            AND c.born_at_expression IS NOT NULL
        ORDER BY c.contract
    LOOP
        problem := NULL;
        BEGIN
            IF clause.owner <> quote_ident(current_user)::regrole THEN
                problem := format('Whether %s has an index on %s was not examined: contract %s belongs to %s.', clause.subject, clause.born_at_expression, clause.contract, clause.owner);
            ELSIF NOT ghostwatch._birth_is_indexed(clause) THEN
                problem := format('%s has no index on %s. Every check reads all of it.', clause.subject, clause.born_at_expression);
            END IF;
        EXCEPTION
            WHEN OTHERS THEN
                problem := format('Whether %s has an index on %s was not examined (%s: %s).', clause.subject, clause.born_at_expression, SQLSTATE, SQLERRM);
        END;

        IF problem IS NOT NULL THEN
            is_well := false;
            RETURN NEXT ROW(
                'indexes',
                'warning',
                problem,
                'Create an index on that expression, written without the "s." of the subject.'
            )::ghostwatch._finding;
        END IF;
    END LOOP;

    IF is_well THEN
        RETURN QUERY
        SELECT 'indexes', 'ok', 'Every check finds its rows by index.', NULL::text;
    END IF;
END
$_doctor_indexes$;

COMMENT ON FUNCTION ghostwatch._doctor_indexes() IS
'The doctor on the indexes that checks need on subject and related tables.';
