CREATE FUNCTION ghostwatch._incident_message(
    alert_id bigint,
    channel_id integer
)
RETURNS bigint
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_incident_message$
-- The message that stands for an incident in a channel: edited as counts change, replied to by the rest.
-- It is the first one sent; where an edit had to become a new message, it is that one.
BEGIN
    RETURN (
        SELECT notification.message_id
        FROM ghostwatch.notification
        WHERE notification.alert_id = _incident_message.alert_id
            AND notification.channel_id = _incident_message.channel_id
            AND notification.message_id IS NOT NULL
        ORDER BY
            notification.reason = 'updated' DESC,
            CASE WHEN notification.reason = 'updated' THEN -notification.notification_id ELSE notification.notification_id END
        LIMIT 1
    );
END
$_incident_message$;

COMMENT ON FUNCTION ghostwatch._incident_message(bigint, integer) IS
'The Telegram message that stands for an incident in a channel, or NULL if none was sent yet.';
