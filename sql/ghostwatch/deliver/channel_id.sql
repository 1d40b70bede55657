CREATE FUNCTION ghostwatch._channel_id(
    channel text
)
RETURNS integer
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
-- A definer: names are unique over all roles, and no secret.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_channel_id$
DECLARE
    found_id integer := (SELECT c.channel_id FROM ghostwatch.channel AS c WHERE c.name = channel);
BEGIN
    IF found_id IS NULL THEN
        RAISE EXCEPTION 'there is no channel %', quote_nullable(channel)
            USING ERRCODE = 'GW049',
                  DETAIL = coalesce(
                      (SELECT 'Channels: ' || string_agg(quote_literal(c.name), ', ' ORDER BY c.name) || '.' FROM ghostwatch.channel AS c),
                      'There is no channel yet.'
                  ),
                  HINT = format('SELECT ghostwatch.add_channel(%L, -1001234567890)', coalesce(channel, 'admins'));
    END IF;

    RETURN found_id;
END
$_channel_id$;

COMMENT ON FUNCTION ghostwatch._channel_id(text) IS
'The id of a channel that must exist. Raises GW049 (no such channel).';
