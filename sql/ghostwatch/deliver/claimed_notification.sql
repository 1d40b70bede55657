CREATE FUNCTION ghostwatch._claimed_notification(
    notification_id bigint,
    worker text
)
RETURNS SETOF ghostwatch.notification
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
ROWS 1
SET search_path = pg_catalog, pg_temp
AS $_claimed_notification$
    -- The notification that a sidecar holds, locked; no row if the claim has gone to another meanwhile.
    -- Takes the notification and the sidecar's name.
    SELECT held.*
    FROM ghostwatch.notification AS held
    WHERE held.notification_id = _claimed_notification.notification_id
        AND held.state = 'claimed'
        AND held.claimed_by = _claimed_notification.worker
    FOR UPDATE
$_claimed_notification$;

COMMENT ON FUNCTION ghostwatch._claimed_notification(bigint, text) IS
'The notification that a sidecar holds, locked; no row if it holds it no more.';
