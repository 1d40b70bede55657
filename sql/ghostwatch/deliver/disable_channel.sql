CREATE FUNCTION ghostwatch.disable_channel(
    name text,
    reason text DEFAULT NULL,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $disable_channel$
DECLARE
    its_channel_id constant integer := ghostwatch._own_channel_id(disable_channel.name, ghostwatch._caller(credential));
BEGIN
    UPDATE ghostwatch.channel AS c
    SET
        disabled_at = ghostwatch._clock(),
        disabled_reason = coalesce(nullif(disable_channel.reason, ''), 'disabled by hand')
    WHERE c.channel_id = its_channel_id;
END
$disable_channel$;

COMMENT ON FUNCTION ghostwatch.disable_channel(text, text, uuid) IS
'Sends nothing to a channel until ghostwatch.enable_channel(); what is meant for it waits. Takes its name and the
reason, which the doctor shows. Raises GW049 (no such channel), GW044 (it is sent what is not the caller''s own).';
