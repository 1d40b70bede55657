CREATE FUNCTION ghostwatch.channel_topic_lost(
    channel text,
    thread_id integer,
    state text DEFAULT 'gone'
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $channel_topic_lost$
    UPDATE ghostwatch.channel
    SET
        topic_lost_at = ghostwatch._clock(),
        topic_state = CASE channel_topic_lost.state WHEN 'closed' THEN 'closed' ELSE 'gone' END
    WHERE channel.name = channel_topic_lost.channel
        AND channel.thread_id = channel_topic_lost.thread_id
        AND channel.topic_lost_at IS NULL
$channel_topic_lost$;

COMMENT ON FUNCTION ghostwatch.channel_topic_lost(text, integer, text) IS
'Remembers that a channel''s topic is gone or closed, so that messages go to the chat itself from now on. Takes the
channel''s name, the topic and which of the two: if it was given another one meanwhile, nothing is lost.';
