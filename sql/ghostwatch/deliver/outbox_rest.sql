CREATE FUNCTION ghostwatch.outbox_rest()
RETURNS interval
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $outbox_rest$
-- How long a sidecar that was given nothing may rest before it asks again.
-- Returns the time until some notification falls due and its chat may be written to; NULL while none waits.
BEGIN
    RETURN (
        SELECT min(greatest(
            notification.next_attempt_at,
            chat.next_send_at,
            notification.lease_until
        )) - ghostwatch._clock()
        FROM ghostwatch.notification
        INNER JOIN ghostwatch.channel
            ON channel.channel_id = notification.channel_id
        LEFT JOIN ghostwatch.chat
            ON chat.chat_id = channel.chat_id
        WHERE notification.state IN ('pending', 'claimed')
            AND channel.disabled_at IS NULL
            -- What is kept for a recap has no time yet.
            AND isfinite(notification.next_attempt_at)
    );
END
$outbox_rest$;

COMMENT ON FUNCTION ghostwatch.outbox_rest() IS
'How long a sidecar that was given nothing may rest before it asks again; NULL while nothing waits.';
