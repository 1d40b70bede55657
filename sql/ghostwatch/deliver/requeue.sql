CREATE FUNCTION ghostwatch._requeue(
    claimed ghostwatch.notification,
    error text,
    next_attempt_at timestamptz,
    attempts integer
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_requeue$
DECLARE
    later constant bigint := ghostwatch._later_message(claimed);
BEGIN
    -- The later digest takes over what was kept back for this one.
    UPDATE ghostwatch.notification
    SET covered_by = later
    WHERE notification.covered_by = claimed.notification_id
        AND later IS NOT NULL;

    UPDATE ghostwatch.notification
    SET
        state = CASE WHEN later IS NULL THEN 'pending' ELSE 'superseded' END,
        state_reason = _requeue.error,
        covered_by = later,
        claimed_by = NULL,
        lease_until = NULL,
        attempts = _requeue.attempts,
        next_attempt_at = _requeue.next_attempt_at
    WHERE notification.notification_id = claimed.notification_id;
END
$_requeue$;

COMMENT ON FUNCTION ghostwatch._requeue(ghostwatch.notification, text, timestamptz, integer) IS
'Puts a claimed notification back among the waiting ones, unless a later one has taken its place. Takes it, what went
wrong, when to try again, and how many attempts count by now.';
