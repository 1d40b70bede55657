CREATE FUNCTION ghostwatch._resolve_alert(
    latest ghostwatch.alert,
    as_of timestamptz
) RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_resolve_alert$
-- Ends an incident and tells how it ended; the end of an outage of the checks is told as a recap.
-- Takes the alert and the time of the run.
DECLARE
    ending jsonb;
BEGIN
    IF latest.kind = 'checks_stopped' THEN
        ending := jsonb_build_object('recap', ghostwatch._recap(greatest(latest.opened_at, latest.reopened_at)));
    ELSE
        ending := jsonb_build_object('ending', ghostwatch._ending(latest.invariant_id, latest.opened_at));
    END IF;

    UPDATE ghostwatch.alert AS a
    SET
        state = 'resolved',
        quiet_since = coalesce(a.quiet_since, as_of),
        resolved_at = as_of,
        warn_count = 0,
        error_count = 0,
        evidence = a.evidence || ending,
        changed_at = as_of
    WHERE a.alert_id = latest.alert_id;

    PERFORM ghostwatch._announce(
        latest.alert_id,
        CASE latest.kind WHEN 'checks_stopped' THEN 'recap' ELSE 'resolved' END,
        as_of
    );
END
$_resolve_alert$;

COMMENT ON FUNCTION ghostwatch._resolve_alert(ghostwatch.alert, timestamptz) IS
'Ends an incident and tells it; the evidence keeps what became of the violations.';
