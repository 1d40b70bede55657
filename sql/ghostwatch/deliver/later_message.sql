CREATE FUNCTION ghostwatch._later_message(
    notification ghostwatch.notification
)
RETURNS bigint
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_later_message$
    -- Messages are rendered from the state of the alert when they are sent, so one that a later step has overtaken
    -- would say what that step says, under a reason that holds no more. Any state of the later one counts: where it
    -- is suppressed, so is this one. Digests are overtaken by the next one of their channel.
    -- Takes a message; returns the id of the one that takes its place, NULL if there is none.
    SELECT max(other.notification_id)
    FROM ghostwatch.notification AS other
    WHERE other.channel_id = notification.channel_id
        AND other.notification_id <> notification.notification_id
        AND CASE
            WHEN notification.reason IN ('updated', 'details') OR other.reason IN ('updated', 'details') THEN false
            WHEN notification.reason = 'digest' THEN other.reason = 'digest' AND other.state = 'pending'
            ELSE other.alert_id = notification.alert_id AND other.notification_id > notification.notification_id
        END
$_later_message$;

COMMENT ON FUNCTION ghostwatch._later_message(ghostwatch.notification) IS
'The later message of its channel that takes the place of a notification which is not sent yet; NULL if there is none.';
