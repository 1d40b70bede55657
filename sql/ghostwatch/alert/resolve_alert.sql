CREATE FUNCTION ghostwatch._resolve_alert(
    latest ghostwatch.alert,
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_resolve_alert$
-- The end of an outage of the checks is announced as a summary of what they found afterwards. During a drill, whatever
-- violations were closed have nothing to do with it.
DECLARE
    closure jsonb := '{}'::jsonb;
BEGIN
    IF latest.kind = 'checks_stopped' THEN
        closure := jsonb_build_object('outage_summary', ghostwatch._outage_summary(greatest(latest.opened_at, latest.reopened_at)));
    ELSIF latest.kind <> 'drill' THEN
        closure := jsonb_build_object('closure_counts', ghostwatch._closure_counts(latest.invariant_id, latest.opened_at));
    END IF;

    UPDATE ghostwatch.alert AS a
    SET
        state = 'resolved',
        clear_since = coalesce(a.clear_since, as_of),
        resolved_at = as_of,
        warn_count = 0,
        error_count = 0,
        evidence = a.evidence || closure,
        changed_at = as_of
    WHERE a.alert_id = latest.alert_id;

    PERFORM ghostwatch._announce(
        latest.alert_id,
        CASE latest.kind WHEN 'checks_stopped' THEN 'outage_summary' ELSE 'resolved' END,
        as_of
    );
END
$_resolve_alert$;

COMMENT ON FUNCTION ghostwatch._resolve_alert(ghostwatch.alert, timestamptz) IS
'Resolves an alert and announces it; the evidence keeps how the violations were closed.';
