CREATE FUNCTION ghostwatch._follow_moved_keys(
    clause ghostwatch._clause,
    as_of timestamptz,
    births_of_the_gone timestamptz[]
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_follow_moved_keys$
-- A subject that is gone may only have changed its key: then one born at the same moment lacks the row, and would be
-- missed, for the watermark has passed it. It gets a violation under its new key; counted it is already.
-- (Under capture nothing is found: an arrival is noted under the key that it came with.)
-- Declared SQL runs here, with the rights of who declared it: @plpgsql_check_options: security_warnings = false
BEGIN
    PERFORM set_config('search_path', clause.search_path, true);
    EXECUTE format($query$
        INSERT INTO ghostwatch.violation (invariant_id, subject_key, born_at, branch_family, state, opened_at, escalated_at)
        SELECT $1, q.subject_key, q.born_at, q.branch_family, life.state, $2, CASE WHEN life.state = 'error' THEN $2 END
        FROM (%s) AS q
        CROSS JOIN LATERAL (SELECT ghostwatch._life_state(false, $2 - q.born_at, $3, $4) AS state) AS life
        WHERE NOT q.satisfied AND NOT q.exempt_by_branch AND NOT q.exempt_by_predicate AND life.state <> 'expired'
        ON CONFLICT (invariant_id, subject_key) DO NOTHING
        $query$,
        ghostwatch._subject_query(clause, format(
            '(SELECT s.*%s FROM %s AS s WHERE s.%I = ANY (ARRAY(SELECT b%s FROM unnest($5) AS b))) AS s',
            CASE WHEN clause.capture THEN ', NULL::timestamptz AS _arrived_at' END,
            clause.subject,
            clause.born_at_column,
            ' AT TIME ZONE ' || quote_literal(clause.time_zone)
        )))
    USING clause.invariant_id, as_of, clause.error_after, clause.watch_for, births_of_the_gone;
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
END
$_follow_moved_keys$;

COMMENT ON FUNCTION ghostwatch._follow_moved_keys(ghostwatch._clause, timestamptz, timestamptz[]) IS
'Opens violations for subjects that changed their key while their violation was open, found by their birth times.';
