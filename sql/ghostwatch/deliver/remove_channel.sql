CREATE FUNCTION ghostwatch.remove_channel(
    name text,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $remove_channel$
DECLARE
    its_channel_id constant integer := ghostwatch._own_channel_id(remove_channel.name, ghostwatch._caller(credential));
    source constant text := (SELECT min(c.name) FROM ghostwatch.channel AS c WHERE c.escalate_to = remove_channel.name);
BEGIN
    IF source IS NOT NULL THEN
        RAISE EXCEPTION 'channel % cannot be removed, as alerts escalate to it', quote_literal(name)
            USING ERRCODE = 'GW043',
                  DETAIL = format('Alerts of channel %s do.', quote_literal(source)),
                  HINT = format('SELECT ghostwatch.add_channel(%L, reset => ''{escalate_after,escalate_to}'')', source);
    END IF;

    DELETE FROM ghostwatch.channel AS c
    WHERE c.channel_id = its_channel_id;
END
$remove_channel$;

COMMENT ON FUNCTION ghostwatch.remove_channel(text, uuid) IS
'Removes a channel, with what waits for it and the record of what was sent there.
Raises GW043 (alerts of other channels escalate to it), GW044 (it is sent what is not the caller''s own), GW049 (no such channel).';
