CREATE FUNCTION ghostwatch.message_pace()
RETURNS TABLE (
    messages_per_second double precision,
    chat_interval double precision,
    group_messages_per_minute integer
)
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 1
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $message_pace$
    -- What this database was told that Telegram allows. A sidecar that serves several databases keeps this pace over all
    -- of them, since Telegram counts the messages of a bot, whichever database they come from.
    -- Returns messages in a second, seconds between two messages to a chat, and messages in a minute to a group.
    SELECT
        ghostwatch._setting('messages_per_second')::double precision,
        extract(EPOCH FROM ghostwatch._setting('chat_interval')::interval)::double precision,
        ghostwatch._setting('group_messages_per_minute')::integer
$message_pace$;

COMMENT ON FUNCTION ghostwatch.message_pace() IS
'How fast messages may follow each other, by the settings: messages in a second, seconds between two messages to a chat, messages in a minute to a group.';
