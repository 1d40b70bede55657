CREATE FUNCTION ghostwatch.channel_migrated(
    old_chat_id bigint,
    new_chat_id bigint
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $channel_migrated$
    -- Messages are numbered anew there. Only a chat that is being sent to can turn out to have moved, and only groups do.
    WITH migrated AS (
        UPDATE ghostwatch.channel
        SET
            chat_id = channel_migrated.new_chat_id,
            migrated_at = ghostwatch._clock(),
            migrated_from = channel_migrated.old_chat_id
        WHERE channel.chat_id = channel_migrated.old_chat_id
            AND channel_migrated.old_chat_id < 0
            AND channel_migrated.new_chat_id < 0
            AND EXISTS (
                SELECT
                FROM ghostwatch.channel AS beside
                INNER JOIN ghostwatch.notification AS in_flight
                    ON in_flight.channel_id = beside.channel_id
                WHERE beside.chat_id = channel_migrated.old_chat_id
                    AND in_flight.state = 'claimed'
            )
        RETURNING channel.channel_id
    )

    SELECT ghostwatch._forget_messages(migrated.channel_id)
    FROM migrated
$channel_migrated$;

COMMENT ON FUNCTION ghostwatch.channel_migrated(bigint, bigint) IS
'Follows a group that became a supergroup: its channels get the new chat id and
keep a note of the old one. Takes the number that Telegram refused and
the one it gave instead.';
