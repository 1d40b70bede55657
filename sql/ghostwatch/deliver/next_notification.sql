CREATE FUNCTION ghostwatch._next_notification(
    chat_id bigint,
    as_of timestamptz
)
RETURNS SETOF ghostwatch.notification
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 1
SET search_path = pg_catalog, pg_temp
AS $_next_notification$
    SELECT candidate.*
    FROM ghostwatch.channel
    INNER JOIN ghostwatch.chat
        ON chat.chat_id = channel.chat_id
    INNER JOIN ghostwatch.notification AS candidate
        ON candidate.channel_id = channel.channel_id
    LEFT JOIN ghostwatch.alert
        ON alert.alert_id = candidate.alert_id
    CROSS JOIN LATERAL (SELECT ghostwatch._send_priority(candidate.reason, alert.severity)) AS its (priority)
    WHERE channel.chat_id = _next_notification.chat_id
        AND channel.disabled_at IS NULL
        AND candidate.state IN ('pending', 'claimed')
        AND candidate.next_attempt_at <= _next_notification.as_of
        AND coalesce(
            ghostwatch._room_at(chat, its.priority, (SELECT ghostwatch._setting('group_messages_per_minute')::integer))
            <= _next_notification.as_of,
            true
        )
        AND NOT EXISTS (
            SELECT
            FROM ghostwatch.notification AS earlier
            WHERE earlier.alert_id = candidate.alert_id
                AND earlier.channel_id = candidate.channel_id
                AND earlier.state IN ('pending', 'claimed')
                -- An edit is silent and shows the present whenever it comes: it waits for the rest, and nothing waits for it.
                -- Nothing waits for details either, which a person asked for.
                AND earlier.reason NOT IN ('updated', 'details')
                AND (earlier.notification_id < candidate.notification_id OR candidate.reason = 'updated')
        )
        AND NOT EXISTS (
            SELECT
            FROM ghostwatch.channel AS beside
            INNER JOIN ghostwatch.notification AS in_flight
                ON in_flight.channel_id = beside.channel_id
            WHERE beside.chat_id = _next_notification.chat_id
                AND in_flight.state = 'claimed'
                AND in_flight.lease_until > _next_notification.as_of
        )
    ORDER BY
        its.priority,
        candidate.created_at,
        candidate.notification_id
    LIMIT 1
$_next_notification$;

COMMENT ON FUNCTION ghostwatch._next_notification(bigint, timestamptz) IS
'What is sent to a chat next: the most urgent first, of these the oldest, each incident in order. Takes the chat and
the time; returns no row while one of its messages is in some sidecar''s hands, since two at once could arrive in
either order.';
