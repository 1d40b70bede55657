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
    -- Follows a group that became a supergroup, in every channel that led there.
    -- Takes the number that Telegram refused and the one it gave instead. Messages are numbered anew there.
    WITH migrated AS (
        UPDATE ghostwatch.channel
        SET chat_id = channel_migrated.new_chat_id
        WHERE channel.chat_id = channel_migrated.old_chat_id
        RETURNING channel.channel_id
    )

    SELECT ghostwatch._forget_messages(migrated.channel_id)
    FROM migrated
$channel_migrated$;

COMMENT ON FUNCTION ghostwatch.channel_migrated(bigint, bigint) IS
'Follows a group that became a supergroup: its channels get the new chat id.';
