CREATE FUNCTION ghostwatch._chat_answered(
    channel_id integer,
    as_of timestamptz,
    hold interval DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_chat_answered$
BEGIN
    PERFORM ghostwatch._pace_chat(
        chat.chat_id,
        chat.recent_sends[1:cardinality(chat.recent_sends) - 1] || _chat_answered.as_of,
        _chat_answered.as_of + _chat_answered.hold
    )
    FROM ghostwatch.channel
    INNER JOIN ghostwatch.chat
        ON chat.chat_id = channel.chat_id
    WHERE channel.channel_id = _chat_answered.channel_id;
END
$_chat_answered$;

COMMENT ON FUNCTION ghostwatch._chat_answered(integer, timestamptz, interval) IS
'Corrects the time of a chat''s last message from the claim to the answer: Telegram counts arrivals, and a slow
connection must not bring two of them closer together than was meant. Takes the channel, the time, and how long the
chat is to be left alone, if it said so.';
