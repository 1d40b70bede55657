CREATE FUNCTION ghostwatch.enable_channel(
    name text
) RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $enable_channel$
-- Lets a channel be sent to again, first of all what waited for it.
-- Takes its name. Raises GW049 if there is none of that name.
DECLARE
    its_channel_id constant integer := ghostwatch._channel_id(enable_channel.name);
BEGIN
    UPDATE ghostwatch.channel AS c
    SET
        disabled_at = NULL,
        disabled_reason = NULL,
        topic_lost_at = NULL
    WHERE c.channel_id = its_channel_id;

    PERFORM ghostwatch._wake_sidecars();
END
$enable_channel$;

COMMENT ON FUNCTION ghostwatch.enable_channel(text) IS
'Lets a channel be sent to again; what waited for it goes out. Raises GW049 (no such channel).';
