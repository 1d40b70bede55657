CREATE FUNCTION ghostwatch.channel_address(
    channel text
)
RETURNS TABLE (
    chat_id bigint,
    thread_id integer
)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
ROWS 1
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $channel_address$
-- Where a channel leads, for a test message.
-- Takes the channel's name. Raises GW043 for a channel that does not exist.
BEGIN
    RETURN QUERY
    SELECT
        addressed.chat_id,
        addressed.thread_id
    FROM ghostwatch.channel AS addressed
    WHERE addressed.name = channel_address.channel;

    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no channel %', quote_nullable(channel_address.channel)
        USING
            ERRCODE = 'GW043',
            DETAIL = format('The channels are: %s.',
                coalesce((SELECT string_agg(known.name, ', ' ORDER BY known.name) FROM ghostwatch.channel AS known), 'none')),
            HINT = 'For example: SELECT ghostwatch.add_channel(''admins'', -1001234567890);';
    END IF;
END
$channel_address$;

COMMENT ON FUNCTION ghostwatch.channel_address(text) IS
'Where a channel leads: chat and topic. Raises GW043 for a channel that does not exist.';
