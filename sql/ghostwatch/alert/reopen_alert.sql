CREATE FUNCTION ghostwatch._reopen_alert(
    latest ghostwatch.alert,
    result ghostwatch._rule_result,
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_reopen_alert$
-- An acknowledgement ends with the alert: the person may be elsewhere by now.
BEGIN
    UPDATE ghostwatch.alert AS a
    SET
        state = 'firing',
        severity = result.severity,
        escalated_at = CASE WHEN result.severity = 'error' THEN as_of END,
        resolved_at = NULL,
        reopened_at = as_of,
        reopened_count = a.reopened_count + 1,
        acknowledged_at = NULL,
        acknowledged_by = NULL,
        acknowledge_comment = NULL
    WHERE a.alert_id = latest.alert_id;

    PERFORM ghostwatch._record_result(
        latest.alert_id,
        result,
        ghostwatch._silence_in_force(latest.contract, latest.invariant, result.branches, as_of),
        as_of
    );

    PERFORM ghostwatch._announce(latest.alert_id, 'reopened', as_of);
END
$_reopen_alert$;

COMMENT ON FUNCTION ghostwatch._reopen_alert(ghostwatch.alert, ghostwatch._rule_result, timestamptz) IS
'Continues an incident that came back soon after it was resolved, and announces that.';
