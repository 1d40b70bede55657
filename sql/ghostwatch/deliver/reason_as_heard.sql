CREATE FUNCTION ghostwatch._reason_as_heard(
    notification ghostwatch.notification
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_reason_as_heard$
    -- Why a message is sent, as its readers know the story: a step of which they heard nothing is not taken back.
    -- Where nothing was sent about an alert that fires, it opens there; where the last that was heard is from
    -- before it came back, it comes back there.
    SELECT
        CASE
            WHEN notification.reason NOT IN ('escalated', 'reopened', 'repeated', 'silence_ended') THEN notification.reason
            WHEN heard.last_at IS NULL THEN 'opened'
            WHEN alert.reopened_at > heard.last_at THEN 'reopened'
            ELSE notification.reason
        END
    FROM ghostwatch.alert
    CROSS JOIN LATERAL (
        SELECT max(earlier.sent_at) AS last_at
        FROM ghostwatch.notification AS earlier
        WHERE earlier.alert_id = notification.alert_id
            AND earlier.channel_id = notification.channel_id
            AND earlier.state = 'sent'
            AND earlier.reason NOT IN ('updated', 'details')
    ) AS heard
    WHERE alert.alert_id = notification.alert_id
    UNION ALL
    SELECT notification.reason
    WHERE notification.alert_id IS NULL
$_reason_as_heard$;

COMMENT ON FUNCTION ghostwatch._reason_as_heard(ghostwatch.notification) IS
'Why a message about an alert is sent, as far as its channel has heard of the alert.';
