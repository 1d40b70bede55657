CREATE FUNCTION ghostwatch._next_notifications(
    as_of timestamptz
)
RETURNS TABLE (
    chat_id bigint,
    notification_id bigint,
    priority integer,
    created_at timestamptz
)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
ROWS 100
SET search_path = pg_catalog, pg_temp
AS $_next_notifications$
-- What is sent next to each chat that may be written to: the most urgent first, of these the oldest, each incident in
-- order. Takes the time. A chat gets nothing while one of its messages is in some sidecar's hands, since two at once
-- could arrive in either order.
-- However many notifications wait, each channel costs one look into its index, which is in the order of sending.
#variable_conflict use_column
DECLARE
    per_minute constant integer := ghostwatch._setting('group_messages_per_minute')::integer;
BEGIN
    RETURN QUERY
    SELECT DISTINCT ON (open.chat_id)
        open.chat_id,
        head.notification_id,
        head.priority,
        head.created_at
    FROM ghostwatch.chat AS open
    INNER JOIN ghostwatch.channel
        ON channel.chat_id = open.chat_id
    CROSS JOIN LATERAL (
        SELECT
            coalesce(ghostwatch._room_at(open, 1, per_minute) <= _next_notifications.as_of, true) AS for_all,
            coalesce(ghostwatch._room_at(open, 3, per_minute) <= _next_notifications.as_of, true) AS for_edits
    ) AS room
    CROSS JOIN LATERAL (
        SELECT
            candidate.notification_id,
            candidate.priority,
            candidate.created_at
        FROM ghostwatch.notification AS candidate
        WHERE candidate.channel_id = channel.channel_id
            AND candidate.state IN ('pending', 'claimed')
            AND candidate.priority <= CASE WHEN room.for_all THEN 4 ELSE 0 END
            AND (candidate.priority <> 3 OR room.for_edits)
            AND candidate.next_attempt_at <= _next_notifications.as_of
            AND NOT EXISTS (
                SELECT
                FROM ghostwatch.notification AS earlier
                WHERE earlier.alert_id = candidate.alert_id
                    AND earlier.channel_id = candidate.channel_id
                    AND earlier.state IN ('pending', 'claimed')
                    -- An edit is silent and shows the present whenever it comes: it waits for the rest, and nothing waits
                    -- for it. Nothing waits for details either, which a person asked for.
                    AND earlier.reason NOT IN ('updated', 'details')
                    AND (earlier.notification_id < candidate.notification_id OR candidate.reason = 'updated')
            )
        ORDER BY
            candidate.priority,
            candidate.created_at,
            candidate.notification_id
        LIMIT 1
    ) AS head
    WHERE channel.disabled_at IS NULL
        AND open.next_send_at <= _next_notifications.as_of
        AND coalesce(open.held_until <= _next_notifications.as_of, true)
        AND coalesce(ghostwatch._room_at(open, 0, per_minute) <= _next_notifications.as_of, true)
        AND NOT EXISTS (
            SELECT
            FROM ghostwatch.channel AS beside
            INNER JOIN ghostwatch.notification AS in_flight
                ON in_flight.channel_id = beside.channel_id
            WHERE beside.chat_id = open.chat_id
                AND in_flight.state = 'claimed'
                AND in_flight.lease_until > _next_notifications.as_of
        )
    ORDER BY
        open.chat_id,
        head.priority,
        head.created_at,
        head.notification_id;
END
$_next_notifications$;

COMMENT ON FUNCTION ghostwatch._next_notifications(timestamptz) IS
'What is sent next to each chat that may be written to, if anything: the notification, its priority, and since when it waits.';
