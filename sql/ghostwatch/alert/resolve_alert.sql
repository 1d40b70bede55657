CREATE FUNCTION ghostwatch._resolve_alert(
    latest ghostwatch.alert,
    as_of timestamptz
) RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_resolve_alert$
-- Ends an incident and tells how it ended.
-- Takes the alert and the time of the run. Returns whether there is something to tell.
DECLARE
    ending jsonb;
BEGIN
    -- What became of those who were in violation meanwhile: healed, or given up at the end of their time.
    SELECT coalesce(jsonb_object_agg(closed.close_reason, closed.subjects), '{}')
    INTO ending
    FROM (
        SELECT v.close_reason, count(*) AS subjects
        FROM ghostwatch.violation AS v
        WHERE v.invariant_id = latest.invariant_id
            AND v.closed_at >= latest.opened_at
            AND v.opened_at IS NOT NULL
        GROUP BY v.close_reason
    ) AS closed;

    UPDATE ghostwatch.alert AS a
    SET
        state = 'resolved',
        quiet_since = coalesce(a.quiet_since, as_of),
        resolved_at = as_of,
        warn_count = 0,
        error_count = 0,
        evidence = a.evidence || jsonb_build_object('ending', ending),
        changed_at = as_of
    WHERE a.alert_id = latest.alert_id;

    RETURN ghostwatch._tell(latest.alert_id, 'resolved', as_of);
END
$_resolve_alert$;

COMMENT ON FUNCTION ghostwatch._resolve_alert(ghostwatch.alert, timestamptz) IS
'Ends an incident and tells it; the evidence keeps what became of the violations. Returns whether there is something to tell.';
