CREATE FUNCTION ghostwatch._announce_closed_channel(
    closed ghostwatch.channel,
    as_of timestamptz
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_announce_closed_channel$
    -- The readers of a closed channel get nothing there any more, but perhaps read another one.
    INSERT INTO ghostwatch.notification (channel_id, reason, payload, created_at, next_attempt_at)
    SELECT
        other.channel_id,
        'channel_closed',
        jsonb_build_object('channel', closed.name, 'error', closed.disabled_reason),
        as_of,
        as_of
    FROM ghostwatch.channel AS other
    WHERE other.channel_id <> closed.channel_id
        AND other.chat_id <> closed.chat_id
        AND other.disabled_at IS NULL
$_announce_closed_channel$;

COMMENT ON FUNCTION ghostwatch._announce_closed_channel(ghostwatch.channel, timestamptz) IS
'Puts a message about a closed channel into the outbox of the others.';
