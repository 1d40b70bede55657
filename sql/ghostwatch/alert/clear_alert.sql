CREATE FUNCTION ghostwatch._calm_alert(
    latest ghostwatch.alert,
    condition ghostwatch._condition,
    as_of timestamptz
) RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_calm_alert$
-- Nothing is wrong any more with a firing alert: waits until that has lasted long enough, then resolves it.
-- Takes the alert, what its rule found and the time of the run.
DECLARE
    calm_since timestamptz := coalesce(latest.quiet_since, as_of);
    resolves boolean := coalesce(as_of - calm_since >= condition.quiet_time, false);
BEGIN
    IF resolves THEN
        PERFORM ghostwatch._resolve_alert(latest, as_of);
        RETURN;
    END IF;

    IF latest.quiet_since IS NOT NULL
        AND (latest.warn_count, latest.error_count) = (condition.warn_count, condition.error_count)
    THEN
        RETURN;
    END IF;

    -- Samples, branches and evidence stay what they were when something was wrong: that is what history is asked for.
    UPDATE ghostwatch.alert AS a
    SET
        quiet_since = calm_since,
        warn_count = condition.warn_count,
        error_count = condition.error_count,
        changed_at = as_of
    WHERE a.alert_id = latest.alert_id;

    PERFORM ghostwatch._tell(latest.alert_id, 'updated', as_of);
END
$_calm_alert$;

COMMENT ON FUNCTION ghostwatch._calm_alert(ghostwatch.alert, ghostwatch._condition, timestamptz) IS
'Notes that a firing alert became quiet, and resolves it once that has lasted.';
