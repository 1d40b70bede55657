CREATE FUNCTION ghostwatch._hold_chat(
    channel_id integer,
    held_until timestamptz,
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_hold_chat$
DECLARE
    its_chat_id constant bigint := (
        SELECT c.chat_id FROM ghostwatch.channel AS c WHERE c.channel_id = _hold_chat.channel_id
    );
BEGIN
    UPDATE ghostwatch.chat AS c
    SET held_until = _hold_chat.held_until
    WHERE c.chat_id = its_chat_id;

    UPDATE ghostwatch.dispatch AS d
    SET held_until = greatest(d.held_until, _hold_chat.held_until)
    WHERE EXISTS (
        SELECT
        FROM ghostwatch.chat AS other
        WHERE other.chat_id <> its_chat_id
            AND other.held_until > _hold_chat.as_of
            AND other.held_until BETWEEN _hold_chat.held_until - '3 seconds'::interval
                AND _hold_chat.held_until + '3 seconds'::interval
    );
END
$_hold_chat$;

COMMENT ON FUNCTION ghostwatch._hold_chat(integer, timestamptz, timestamptz) IS
'Sends nothing to a chat for as long as Telegram asked, and nothing to any chat where it asked the same for another
one: the limit of the whole bot ends at one moment for every chat that meets it, and the answer contains nothing else.';
