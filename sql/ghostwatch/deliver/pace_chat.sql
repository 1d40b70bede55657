CREATE FUNCTION ghostwatch._pace_chat(
    chat_id bigint,
    recent_sends timestamptz[],
    hold_until timestamptz DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_pace_chat$
-- Only groups (negative numbers) have a limit per minute.
BEGIN
    UPDATE ghostwatch.chat
    SET
        recent_sends = recent.sends,
        next_send_at = greatest(
            _pace_chat.hold_until,
            recent.sends[cardinality(recent.sends)] + ghostwatch._setting('chat_interval')::interval,
            CASE
                WHEN chat.chat_id < 0
                    THEN recent.sends[cardinality(recent.sends) - allowed.per_minute + 1] + '1 minute'::interval
            END
        )
    FROM (SELECT ghostwatch._setting('group_messages_per_minute')::integer) AS allowed (per_minute)
    CROSS JOIN LATERAL (
        SELECT _pace_chat.recent_sends[greatest(cardinality(_pace_chat.recent_sends) - allowed.per_minute + 1, 1):]
    ) AS recent (sends)
    WHERE chat.chat_id = _pace_chat.chat_id;
END
$_pace_chat$;

COMMENT ON FUNCTION ghostwatch._pace_chat(bigint, timestamptz[], timestamptz) IS
'Notes when messages went to a chat, and computes when the next one may. Takes the times, oldest first, and the moment
before which the server wants nothing, if it said one.';
