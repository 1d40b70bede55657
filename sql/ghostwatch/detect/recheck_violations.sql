CREATE FUNCTION ghostwatch._recheck_violations(
    clause ghostwatch._clause,
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_recheck_violations$
-- Looks at every open violation again, by key and in one statement: it recovers, escalates, expires, or stays.
-- A subject that is born anew under the same key, and not yet due, counts as gone: its new life is judged when it is due.
-- The branch is not looked at: it was decided at birth, and costs a look-up.
-- Declared SQL runs here, with the rights of who declared it: @plpgsql_check_options: security_warnings = false
DECLARE
    subject_query text;
    births_of_the_gone timestamptz[];
BEGIN
    IF NOT EXISTS (
        SELECT FROM ghostwatch.violation AS v
        WHERE v.invariant_id = clause.invariant_id AND v.closed_at IS NULL
    ) THEN
        RETURN;
    END IF;

    subject_query := ghostwatch._subject_query(
        clause, format('(%s) AS s', ghostwatch._subject_by_key(clause, 'v.subject_key', 'v.born_at'))
    );
    PERFORM set_config('search_path', clause.search_path, true);
    -- The lateral look-up and the ctid keep this a loop over the open ones, whatever the statistics say.
    -- OFFSET 0 has the birth time read once, which a conversion of time zones makes dear.
    EXECUTE format($query$
        WITH found AS (
            SELECT v.ctid AS place, v.state, v.opened_at, coalesce(f.born_at, v.born_at) AS born_at,
                CASE
                    WHEN f.subject_key IS NULL THEN 'deleted'
                    WHEN f.satisfied THEN 'row_came'
                    WHEN $2 - f.born_at <= $4 THEN NULL
                    WHEN f.exempt_by_predicate THEN 'exempt'
                    ELSE 'expired'
                END AS close_reason,
                ghostwatch._life_state(f.exempt_by_predicate, $2 - f.born_at, $3, $4) AS open_state
            FROM ghostwatch.violation AS v
            LEFT JOIN LATERAL (%s OFFSET 0) AS f ON f.born_at <= $5 OR f.born_at = v.born_at
            WHERE v.invariant_id = $1 AND v.closed_at IS NULL
        ),
        outcome AS (
            SELECT f.*,
                CASE
                    WHEN f.close_reason IS NULL OR f.close_reason = 'expired' THEN f.open_state
                    WHEN f.opened_at IS NOT NULL THEN 'recovered'
                END AS new_state
            FROM found AS f
        ),
        -- Exempt for as long as it was watched: this never was a violation.
        forgotten AS (
            DELETE FROM ghostwatch.violation AS v
            USING outcome AS o
            WHERE v.ctid = o.place AND o.new_state IS NULL
        ),
        changed AS (
            UPDATE ghostwatch.violation AS v
            SET state = o.new_state,
                born_at = o.born_at,
                opened_at = CASE WHEN o.new_state = 'exempt' THEN v.opened_at ELSE coalesce(v.opened_at, $2) END,
                escalated_at = CASE WHEN o.new_state = 'error' THEN coalesce(v.escalated_at, $2) ELSE v.escalated_at END,
                closed_at = CASE WHEN o.close_reason IS NOT NULL THEN $2 END,
                close_reason = o.close_reason
            FROM outcome AS o
            WHERE v.ctid = o.place AND o.new_state <> o.state
            RETURNING v.born_at, v.close_reason
        )
        SELECT array_agg(DISTINCT c.born_at) FROM changed AS c WHERE c.close_reason = 'deleted'
        $query$, subject_query)
    INTO births_of_the_gone
    USING clause.invariant_id, as_of, clause.error_after, clause.watch_for,
          (SELECT p.checked_up_to FROM ghostwatch.check_progress AS p WHERE p.invariant_id = clause.invariant_id);
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);

    IF births_of_the_gone IS NOT NULL THEN
        PERFORM ghostwatch._follow_moved_keys(clause, as_of, births_of_the_gone);
    END IF;
END
$_recheck_violations$;

COMMENT ON FUNCTION ghostwatch._recheck_violations(ghostwatch._clause, timestamptz) IS
'Looks at every open violation again, by key and in one statement: it recovers, escalates, expires, or stays.';
