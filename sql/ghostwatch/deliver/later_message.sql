CREATE FUNCTION ghostwatch._later_message(
    notification ghostwatch.notification
)
RETURNS bigint
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_later_message$
    -- Messages are rendered from the state of the alert when they are sent, so one that a later step has overtaken would
    -- say what that step says, under a reason that holds no more. Any state of the later one counts: where it is
    -- suppressed, so is this one. A digest is overtaken by the next one of its channel. Edits have no place.
    SELECT max(later.notification_id)
    FROM (
        SELECT step.notification_id
        FROM ghostwatch.notification AS step
        WHERE step.alert_id = notification.alert_id
            AND step.channel_id = notification.channel_id
            AND step.notification_id > notification.notification_id
            AND step.reason NOT IN ('updated', 'details', 'repaired')
            AND notification.reason NOT IN ('updated', 'details', 'repaired')
        UNION ALL
        SELECT digest.notification_id
        FROM ghostwatch.notification AS digest
        WHERE digest.channel_id = notification.channel_id
            AND digest.notification_id <> notification.notification_id
            AND digest.reason = 'digest'
            AND digest.state = 'pending'
            AND notification.reason = 'digest'
    ) AS later
$_later_message$;

COMMENT ON FUNCTION ghostwatch._later_message(ghostwatch.notification) IS
'The later message of its channel that takes the place of a notification which is not sent yet; NULL if there is none.';
