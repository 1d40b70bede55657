CREATE FUNCTION ghostwatch.channel_topic_lost(
    channel text,
    thread_id integer
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $channel_topic_lost$
    -- Remembers that a channel's topic is gone, so that messages go to the chat itself from now on.
    -- Takes the channel's name and the topic: if it was given another one meanwhile, nothing is lost.
    UPDATE ghostwatch.channel
    SET topic_lost_at = ghostwatch._clock()
    WHERE channel.name = channel_topic_lost.channel
        AND channel.thread_id = channel_topic_lost.thread_id
        AND channel.topic_lost_at IS NULL
$channel_topic_lost$;

COMMENT ON FUNCTION ghostwatch.channel_topic_lost(text, integer) IS
'Remembers that a channel''s topic is gone: its messages go to the chat itself from now on.';
