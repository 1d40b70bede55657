CREATE FUNCTION ghostwatch._room_at(
    chat ghostwatch.chat,
    priority integer,
    per_minute integer
)
RETURNS timestamptz
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- Of what a group may get in a minute, edits take at most half, and whatever is no new error at most three quarters:
    -- a new error never waits because of what was less urgent. Events may take more than edits, so that a chat in which
    -- there is always something to edit gets events too; for the same reason edits have this limit in every chat.
    SELECT
        CASE
            WHEN _room_at.chat.chat_id < 0 OR _room_at.priority = 3
                THEN _room_at.chat.recent_sends[
                    cardinality(_room_at.chat.recent_sends) + 1
                    - ceil(_room_at.per_minute * (CASE _room_at.priority WHEN 0 THEN 1 WHEN 3 THEN 0.5 ELSE 0.75 END))::integer
                ] + '1 minute'::interval
        END;
END;

COMMENT ON FUNCTION ghostwatch._room_at(ghostwatch.chat, integer, integer) IS
'When a chat may get one more message of a priority within its messages per minute; NULL if it may at any time.
priority: as ghostwatch._send_priority() gives it. per_minute: the setting group_messages_per_minute.';
