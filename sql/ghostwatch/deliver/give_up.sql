CREATE FUNCTION ghostwatch._give_up(
    claimed ghostwatch.notification,
    error text
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_give_up$
    -- Trying a claimed notification again would not help, or would send it once too often.
    UPDATE ghostwatch.notification
    SET
        state = 'failed',
        state_reason = error,
        claimed_by = NULL,
        lease_until = NULL,
        attempts = claimed.attempts + 1
    WHERE notification.notification_id = claimed.notification_id
$_give_up$;

COMMENT ON FUNCTION ghostwatch._give_up(ghostwatch.notification, text) IS
'Marks a claimed notification as failed.';
