CREATE FUNCTION ghostwatch.retry_failed(
    channel text DEFAULT NULL,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $retry_failed$
DECLARE
    its_channel_id constant integer := CASE
        WHEN retry_failed.channel IS NOT NULL THEN ghostwatch._channel_id(retry_failed.channel)
    END;
    retried        bigint;
BEGIN
    retried := ghostwatch._send_again(its_channel_id, ghostwatch._clock(), ghostwatch._caller(credential));

    IF retried > 0 THEN
        PERFORM ghostwatch._wake_sidecars();
    END IF;

    RETURN retried;
END
$retry_failed$;

COMMENT ON FUNCTION ghostwatch.retry_failed(text, uuid) IS
'Sends once more what was given up, of one channel or of all, except where a later message has said it since. Returns
how many notifications wait again. Takes the channel''s name, or NULL for all. Raises GW049 (no such channel).';
