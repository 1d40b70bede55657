CREATE FUNCTION ghostwatch.next_due_in()
RETURNS interval
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $next_due_in$
DECLARE
    as_of      constant timestamptz := ghostwatch._clock();
    per_minute constant integer := ghostwatch._setting('group_messages_per_minute')::integer;
    due_at     timestamptz;
    dispatch   ghostwatch.dispatch;
BEGIN
    SELECT d.* INTO dispatch FROM ghostwatch.dispatch AS d;

    IF EXISTS (SELECT FROM ghostwatch._next_notifications(as_of)) THEN
        -- Only the pace of the bot keeps it back, and all that waits need not be looked at.
        due_at := as_of;
    ELSE
        SELECT min(greatest(
            notification.next_attempt_at,
            chat.next_send_at,
            chat.held_until,
            notification.lease_until,
            ghostwatch._room_at(chat, ghostwatch._send_priority(notification.reason, alert.severity), per_minute)
        ))
        INTO due_at
        FROM ghostwatch.notification
        INNER JOIN ghostwatch.channel
            ON channel.channel_id = notification.channel_id
        LEFT JOIN ghostwatch.chat
            ON chat.chat_id = channel.chat_id
        LEFT JOIN ghostwatch.alert
            ON alert.alert_id = notification.alert_id
        WHERE notification.state IN ('pending', 'claimed')
            AND channel.disabled_at IS NULL
            -- What is kept for an outage summary has no time yet.
            AND isfinite(notification.next_attempt_at);
    END IF;

    due_at := least(due_at, (SELECT min(e.due_at) FROM ghostwatch._escalations() AS e));

    -- Sidecars are given what is due within a second.
    RETURN greatest(
        due_at,
        CASE WHEN due_at IS NOT NULL AND isfinite(dispatch.held_until) THEN dispatch.held_until END,
        CASE WHEN due_at IS NOT NULL AND isfinite(dispatch.next_send_at) THEN dispatch.next_send_at - '1 second'::interval END
    ) - as_of;
END
$next_due_in$;

COMMENT ON FUNCTION ghostwatch.next_due_in() IS
'How long a sidecar that was given nothing may rest before it asks again; the time
until some notification falls due and its chat may be written to, NULL while none waits.';
