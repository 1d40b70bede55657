CREATE FUNCTION ghostwatch._broken_violations(
    invariant_id integer,
    since timestamptz,
    only_errors boolean,
    at_most integer
)
RETURNS TABLE (
    subject_keys text[],
    opened_at timestamptz[]
)
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_broken_violations$
    -- Each half has an index of its own: a run that repairs on its own account reads open violations only.
    WITH broken AS (
        SELECT v.subject_key, v.opened_at, v.born_at
        FROM ghostwatch.violation AS v
        WHERE v.invariant_id = _broken_violations.invariant_id
            AND v.closed_at IS NULL
            AND (v.state = 'error' OR (v.state = 'warn' AND NOT only_errors))
            AND v.opened_at IS NOT NULL
        UNION ALL
        SELECT v.subject_key, v.opened_at, v.born_at
        FROM ghostwatch.violation AS v
        WHERE v.invariant_id = _broken_violations.invariant_id
            AND v.closed_at >= since
            AND v.state = 'expired'
            AND v.opened_at IS NOT NULL
    ),

    next AS (
        SELECT b.subject_key, b.opened_at, b.born_at
        FROM broken AS b
        WHERE NOT EXISTS (
                SELECT
                FROM ghostwatch.repair_attempt AS a
                WHERE a.invariant_id = _broken_violations.invariant_id
                    AND a.subject_key = b.subject_key
                    AND a.opened_at = b.opened_at
            )
        ORDER BY b.born_at, b.subject_key
        LIMIT at_most
    )

    SELECT
        coalesce(array_agg(n.subject_key ORDER BY n.born_at, n.subject_key), '{}'),
        coalesce(array_agg(n.opened_at ORDER BY n.born_at, n.subject_key), '{}')
    FROM next AS n
$_broken_violations$;

COMMENT ON FUNCTION ghostwatch._broken_violations(integer, timestamptz, boolean, integer) IS
'The violations of an invariant that were not repaired before, oldest first: one row with their keys and when each was opened.
since: expired ones too, if they expired at this time or later; infinity: none. only_errors: leaves out warnings. at_most: how many.';
