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
DECLARE
    its_channel_id constant integer := ghostwatch._channel_id(channel);
BEGIN
    RETURN QUERY
    SELECT
        addressed.chat_id,
        addressed.thread_id
    FROM ghostwatch.channel AS addressed
    WHERE addressed.channel_id = its_channel_id;
END
$channel_address$;

COMMENT ON FUNCTION ghostwatch.channel_address(text) IS
'Where a channel leads: chat and topic. Raises GW049 (no such channel).';
