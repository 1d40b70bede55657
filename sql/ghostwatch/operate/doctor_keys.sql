CREATE FUNCTION ghostwatch._doctor_keys()
RETURNS SETOF ghostwatch._finding
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '100ms'
AS $_doctor_keys$
-- Looks only at contracts of this role, at no view, which runs what its owner wrote, and only where an index leads
-- to the newest rows; without an index on the key they are compared with each other only.
-- Names of columns and tables only are put into the query: @plpgsql_check_options: security_warnings = false
DECLARE
    watched ghostwatch.contract;
    newest bigint;
    without_key bigint;
    shared bigint;
    is_well boolean := true;
BEGIN
    FOR watched IN
        SELECT c.*
        FROM ghostwatch.contract AS c
        INNER JOIN pg_class AS r
            ON r.oid = c.subject
            AND r.relkind IN ('r', 'p')
        WHERE c.owner = quote_ident(current_user)::regrole
            AND ghostwatch._index_advice(c.subject, ARRAY[c.born_at_column], ARRAY['btree']::name[], false) IS NULL
        ORDER BY c.name
    LOOP
        PERFORM ghostwatch._enter_search_path(watched.search_path);
        EXECUTE format(
            'SELECT
                count(*),
                count(*) FILTER (WHERE NOT (%1$s)),
                count(*) FILTER (WHERE %1$s AND (s._same_keys > 1 OR %3$s))
            FROM (
                SELECT n.*, count(*) OVER (PARTITION BY %5$s) AS _same_keys
                FROM (SELECT * FROM %2$s AS b WHERE b.%4$I < ''infinity'' ORDER BY b.%4$I DESC LIMIT 1000) AS n
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
            watched.born_at_column,
            ghostwatch._key_text(watched.subject, 'n', watched.key_column)
        )
        INTO newest, without_key, shared;
        PERFORM ghostwatch._leave_search_path();

        IF without_key > 0 THEN
            is_well := false;
            RETURN NEXT ROW(
                'keys',
                'warning',
                format(
                    '%s of the newest %s rows of %s have no key: NULL in %s. They are not judged.',
                    without_key, newest, watched.subject, ghostwatch._column_names(watched.key_column)
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
                    'The key %s of %s is not unique: %s of the newest %s rows share it with another row. One row hides what another lacks.',
                    ghostwatch._column_names(watched.key_column), watched.subject, shared, newest
                ),
                format('SELECT ghostwatch.declare_contract(%L, key_column => ''{all,its,columns}'');', watched.name)
            )::ghostwatch._finding;
        END IF;
    END LOOP;

    IF is_well THEN
        RETURN QUERY
        SELECT 'keys', 'ok', 'No key is seen twice, and none is missing.', NULL::text;
    END IF;
EXCEPTION
    -- The doctor waits for nobody, and a table that was dropped is reported elsewhere.
    WHEN OTHERS THEN
        RETURN NEXT ROW(
            'keys', 'warning', format('Not all keys were looked at: %s.', SQLERRM), 'SELECT * FROM ghostwatch.doctor();'
        )::ghostwatch._finding;
END
$_doctor_keys$;

COMMENT ON FUNCTION ghostwatch._doctor_keys() IS
'The doctor on keys that are not unique or are NULL, among the newest rows of the contracts of this role.';
