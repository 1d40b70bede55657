CREATE FUNCTION ghostwatch._reason_for_channel(
    notification ghostwatch.notification
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_reason_for_channel$
    -- An alert about which nothing was sent there opens there, even if it escalates; one that came back since the last
    -- message comes back there, whatever else happened; and a second resolution says that it came back. A message that
    -- may have arrived counts only where it may have been a RESOLVED.
    WITH RECURSIVE earlier AS (
        SELECT
            step.notification_id, step.state, coalesce(step.shown_at, step.rendered_at, step.sent_at) AS shown_at, step.unconfirmed_at, step.covered_by
        FROM ghostwatch.notification AS step
        WHERE step.alert_id = notification.alert_id
            AND step.channel_id = notification.channel_id
            AND step.reason NOT IN ('updated', 'details', 'repaired')
        UNION
        -- The digest or the later message that took its place.
        SELECT
            cover.notification_id, cover.state, coalesce(cover.shown_at, cover.rendered_at, cover.sent_at), cover.unconfirmed_at, cover.covered_by
        FROM earlier
        INNER JOIN ghostwatch.notification AS cover
            ON cover.notification_id = earlier.covered_by
    ),

    known AS (
        SELECT
            max(earlier.shown_at) FILTER (WHERE earlier.state = 'sent') AS last_at,
            least(min(earlier.shown_at) FILTER (WHERE earlier.state = 'sent'), min(earlier.unconfirmed_at)) AS first_at
        FROM earlier
        WHERE earlier.notification_id <> notification.notification_id
    )

    SELECT
        CASE
            WHEN notification.reason NOT IN ('escalated', 'reopened', 'repeated', 'silence_ended', 'resolved')
                THEN notification.reason
            WHEN alert.reopened_at > coalesce(known.last_at, '-infinity') AND known.first_at < alert.reopened_at
                THEN CASE notification.reason WHEN 'resolved' THEN 'resolved_again' ELSE 'reopened' END
            WHEN notification.reason <> 'resolved' AND (known.last_at IS NULL OR alert.reopened_at > known.last_at) THEN 'opened'
            ELSE notification.reason
        END
    FROM known
    LEFT JOIN ghostwatch.alert
        ON alert.alert_id = notification.alert_id
$_reason_for_channel$;

COMMENT ON FUNCTION ghostwatch._reason_for_channel(ghostwatch.notification) IS
'Why a message is sent, given what its channel got about the alert before: a chat always reads a history that is
possible. Takes the notification; returns a reason of ghostwatch.notification, or ''resolved_again''.';
