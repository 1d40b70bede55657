CREATE FUNCTION ghostwatch._ending(
    invariant_id integer,
    since timestamptz
) RETURNS jsonb
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_ending$
    -- What became of those who were in violation during an incident.
    -- Takes the invariant and when the incident opened; returns {"row_came": 6, "expired": 2, ...}.
    SELECT coalesce(jsonb_object_agg(closed.close_reason, closed.subjects), '{}')
    FROM (
        SELECT v.close_reason, count(*) AS subjects
        FROM ghostwatch.violation AS v
        WHERE v.invariant_id = _ending.invariant_id
            AND v.closed_at >= since
            AND v.opened_at IS NOT NULL
        GROUP BY v.close_reason
    ) AS closed
$_ending$;

COMMENT ON FUNCTION ghostwatch._ending(integer, timestamptz) IS
'What became of those who were in violation during an incident: how many healed, how many expired.';
