CREATE FUNCTION ghostwatch.enable_channel(
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
AS $enable_channel$
DECLARE
    its_channel_id constant integer := ghostwatch._own_channel_id(enable_channel.name, ghostwatch._caller(credential));
BEGIN
    UPDATE ghostwatch.channel AS c
    SET
        disabled_at = NULL,
        disabled_reason = NULL,
        topic_lost_at = NULL
    WHERE c.channel_id = its_channel_id;

    -- What waited for the channel waits for nothing else, and what was given up there gets another chance.
    UPDATE ghostwatch.notification AS n
    SET
        next_attempt_at = ghostwatch._clock(),
        waits_for = NULL,
        unconfirmed_sends = 0
    WHERE n.channel_id = its_channel_id
        AND n.state = 'pending'
        AND n.attempts > 0
        AND isfinite(n.next_attempt_at);

    PERFORM ghostwatch._send_again(its_channel_id, ghostwatch._clock(), ghostwatch._caller(credential));

    UPDATE ghostwatch.chat AS held
    SET
        next_send_at = ghostwatch._clock(),
        held_until = NULL
    FROM ghostwatch.channel AS c
    WHERE c.channel_id = its_channel_id
        AND held.chat_id = c.chat_id;

    PERFORM ghostwatch._wake_sidecars();
END
$enable_channel$;

COMMENT ON FUNCTION ghostwatch.enable_channel(text, uuid) IS
'Lets a channel be sent to again; what waited for it goes out. Raises GW049 (no such channel), GW044 (it is sent what is not the caller''s own).';
