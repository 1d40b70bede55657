CREATE FUNCTION ghostwatch._next_recheck_due(
    clause ghostwatch._clause,
    since timestamptz
)
RETURNS timestamptz
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_next_recheck_due$
-- What was due by the last check was looked at there, so that two look-ups in an index are enough, however many are open.
-- (plpgsql, so that a session that runs checks again and again plans this once.)
DECLARE
    escalates timestamptz;
    expires timestamptz;
BEGIN
    SELECT v.born_at + clause.error_after INTO escalates
    FROM ghostwatch.violation AS v
    WHERE v.invariant_id = clause.invariant_id
        AND v.closed_at IS NULL
        AND v.state = 'warn'
        AND v.born_at >= since - clause.error_after
    ORDER BY v.born_at
    LIMIT 1;

    SELECT v.born_at + clause.watch_for INTO expires
    FROM ghostwatch.violation AS v
    WHERE v.invariant_id = clause.invariant_id
        AND v.closed_at IS NULL
        AND v.born_at >= since - clause.watch_for
    ORDER BY v.born_at
    LIMIT 1;

    -- Past that age, not at it.
    RETURN least(escalates, expires) + '1 microsecond'::interval;
END
$_next_recheck_due$;

COMMENT ON FUNCTION ghostwatch._next_recheck_due(ghostwatch._clause, timestamptz) IS
'When the next open violation escalates or expires; NULL where there is none.
since: the last check, which did so with all that were due.';
