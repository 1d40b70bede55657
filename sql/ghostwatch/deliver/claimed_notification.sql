CREATE FUNCTION ghostwatch._claimed_notification(
    notification_id bigint,
    worker text
)
RETURNS ghostwatch.notification
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_claimed_notification$
    SELECT held.*
    FROM ghostwatch.notification AS held
    WHERE held.notification_id = _claimed_notification.notification_id
        AND held.state = 'claimed'
        AND held.claimed_by = _claimed_notification.worker
    FOR UPDATE
$_claimed_notification$;

COMMENT ON FUNCTION ghostwatch._claimed_notification(bigint, text) IS
'The notification that a sidecar holds, locked; NULL if another one has taken over the claim.';
