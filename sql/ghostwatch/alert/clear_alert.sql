CREATE FUNCTION ghostwatch._clear_alert(
    latest ghostwatch.alert,
    result ghostwatch._rule_result,
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_clear_alert$
-- An alert resolves only after nothing was wrong for a while (clear_for), so that it does not flap.
DECLARE
    cleared_at timestamptz := coalesce(latest.clear_since, as_of);
    resolves boolean := coalesce(as_of - cleared_at >= result.clear_for, false);
BEGIN
    IF resolves THEN
        PERFORM ghostwatch._resolve_alert(latest, as_of);
        RETURN;
    END IF;

    IF latest.clear_since IS NOT NULL
        AND (latest.warn_count, latest.error_count) = (result.warn_count, result.error_count)
    THEN
        RETURN;
    END IF;

    -- Samples, branches and evidence keep their last values: history is read for what was wrong.
    UPDATE ghostwatch.alert AS a
    SET
        clear_since = cleared_at,
        warn_count = result.warn_count,
        error_count = result.error_count,
        changed_at = as_of
    WHERE a.alert_id = latest.alert_id;

    PERFORM ghostwatch._enqueue(latest.alert_id, 'updated', as_of);
END
$_clear_alert$;

COMMENT ON FUNCTION ghostwatch._clear_alert(ghostwatch.alert, ghostwatch._rule_result, timestamptz) IS
'Records that nothing is wrong any more with a firing alert, and resolves it once that has lasted.';
