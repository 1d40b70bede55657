CREATE FUNCTION ghostwatch._release_kept_messages(
    stopped_contracts text[],
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_release_kept_messages$
-- The checks of one contract may be back long before those of another: its alerts do not wait for the outage summary.
BEGIN
    UPDATE ghostwatch.notification AS n
    SET
        next_attempt_at = as_of,
        state_reason = NULL
    FROM ghostwatch.alert AS a
    WHERE n.alert_id = a.alert_id
        AND a.contract <> ALL (stopped_contracts)
        AND n.state = 'pending'
        AND n.next_attempt_at = 'infinity'
        AND n.state_reason = 'kept for the outage summary';

    IF FOUND THEN
        PERFORM ghostwatch._wake_sidecars();
    END IF;
END
$_release_kept_messages$;

COMMENT ON FUNCTION ghostwatch._release_kept_messages(text[], timestamptz) IS
'Sends what was kept for the outage summary about contracts whose checks are back.';
