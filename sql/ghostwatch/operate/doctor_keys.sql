CREATE FUNCTION ghostwatch._doctor_keys()
RETURNS SETOF ghostwatch._finding
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_doctor_keys$
-- Examines only contracts of this role, and no view, which runs what its owner wrote, and no foreign table. Where no index on
-- a column leads to the newest rows, it takes any; without an index on the key, rows are compared with each other only.
-- Names of columns and tables only are put into the query: @plpgsql_check_options: security_warnings = false
DECLARE
    watched ghostwatch.contract;
    by_birth boolean;
    which text;
    examined bigint;
    without_key bigint;
    shared bigint;
    is_well boolean := true;
BEGIN
    FOR watched IN
        SELECT c.*
        FROM ghostwatch.contract AS c
        WHERE c.owner = quote_ident(current_user)::regrole
            -- A table that was dropped is reported by another section.
            AND EXISTS (SELECT FROM pg_class AS r WHERE r.oid = c.subject)
        ORDER BY c.name
    LOOP
        IF (SELECT r.relkind FROM pg_class AS r WHERE r.oid = watched.subject) NOT IN ('r', 'p', 'm') THEN
            is_well := false;
            RETURN NEXT ROW(
                'keys',
                'warning',
                format('The keys of %s were not examined: it is no table of this database.', watched.subject),
                format(
                    'SELECT %1$s, count(*) FROM %2$s GROUP BY %1$s HAVING count(*) > 1; -- must find none',
                    ghostwatch._column_names(watched.key_column), watched.subject
                )
            )::ghostwatch._finding;
            CONTINUE;
        END IF;

        BEGIN
            by_birth := watched.born_at_expression IS NULL
                AND ghostwatch._index_advice(watched.subject, ARRAY[watched.born_at_column], ARRAY['btree']::name[], false) IS NULL;
            PERFORM ghostwatch._enter_search_path(watched.search_path);
            EXECUTE format(
                'SELECT
                    count(*),
                    count(*) FILTER (WHERE NOT (%1$s)),
                    count(*) FILTER (WHERE %1$s AND (s._same_keys > 1 OR %3$s))
                FROM (
                    SELECT n.*, count(*) OVER (PARTITION BY %5$s) AS _same_keys
                    FROM (SELECT * FROM %2$s AS b%4$s LIMIT 1000) AS n
                ) AS s',
                ghostwatch._key_is_there('s', watched.key_column),
                watched.subject,
                CASE
                    WHEN ghostwatch._index_advice(watched.subject, watched.key_column, ARRAY['btree', 'hash']::name[], false) IS NULL
                        THEN format(
                            '(SELECT count(*) FROM (SELECT FROM %s AS r WHERE %s LIMIT 2) AS o) > 1',
                            watched.subject,
                            ghostwatch._key_match(watched.subject, watched.key_column, watched.subject, watched.key_column)
                        )
                    ELSE 'false'
                END,
                CASE WHEN by_birth THEN format(' WHERE b.%1$I < ''infinity'' ORDER BY b.%1$I DESC', watched.born_at_column) END,
                ghostwatch._key_text(watched.subject, 'n', watched.key_column)
            )
            INTO examined, without_key, shared;
            PERFORM ghostwatch._leave_search_path();
            which := concat(CASE WHEN by_birth THEN 'the newest ' END, examined);

            IF without_key > 0 THEN
                is_well := false;
                RETURN NEXT ROW(
                    'keys',
                    'warning',
                    format(
                        '%s of %s rows of %s have no key: NULL in %s. They are not judged.',
                        without_key, which, watched.subject, ghostwatch._column_names(watched.key_column)
                    ),
                    format(
                        'SELECT * FROM %s AS s WHERE (%s) IS NOT TRUE;',
                        watched.subject, ghostwatch._key_is_there('s', watched.key_column)
                    )
                )::ghostwatch._finding;
            END IF;

            IF shared > 0 THEN
                is_well := false;
                RETURN NEXT ROW(
                    'keys',
                    'error',
                    format(
                        'The key %s of %s is not unique: %s of %s rows share it with another row. One row hides what another lacks.',
                        ghostwatch._column_names(watched.key_column), watched.subject, shared, which
                    ),
                    format('SELECT ghostwatch.declare_contract(%L, key_column => ''{all,its,columns}'');', watched.name)
                )::ghostwatch._finding;
            END IF;
        EXCEPTION
            -- Say a table that is locked: it must not keep the doctor from the others.
            WHEN OTHERS THEN
                is_well := false;
                RETURN NEXT ROW(
                    'keys',
                    'warning',
                    format('The keys of %s were not examined: %s.', ghostwatch._relation_name(watched.subject), SQLERRM),
                    'SELECT * FROM ghostwatch.doctor();'
                )::ghostwatch._finding;
        END;
    END LOOP;

    IF is_well THEN
        RETURN QUERY
        SELECT 'keys', 'ok', 'No key is seen twice among the rows that were examined, and none is missing.', NULL::text;
    END IF;
END
$_doctor_keys$;

COMMENT ON FUNCTION ghostwatch._doctor_keys() IS
'The doctor on keys that are not unique or are NULL, among at most 1000 rows of each contract of this role.';
