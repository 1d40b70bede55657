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
    -- What became of those who were in violation during an incident.
    -- Takes the invariant and when the incident opened; returns {"row_came": 6, "expired": 2, ...}.
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
'What became of those who were in violation during an incident: how many healed, how many expired.';
