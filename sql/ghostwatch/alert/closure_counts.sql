CREATE FUNCTION ghostwatch._closure_counts(
    invariant_id integer,
    since timestamptz
)
RETURNS jsonb
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_closure_counts$
    -- For the message that an incident is over.
    SELECT coalesce(jsonb_object_agg(closed.close_reason, closed.subjects), '{}')
    FROM (
        SELECT v.close_reason, count(*) AS subjects
        FROM ghostwatch.violation AS v
        WHERE v.invariant_id = _closure_counts.invariant_id
            AND v.closed_at >= since
            AND v.opened_at IS NOT NULL
        GROUP BY v.close_reason
    ) AS closed
$_closure_counts$;

COMMENT ON FUNCTION ghostwatch._closure_counts(integer, timestamptz) IS
'How the violations of an incident were closed since a moment: {"row_came": 6, "expired": 2, ...}.';
