CREATE FUNCTION ghostwatch._skip_overtaken(
    chat_id bigint,
    as_of timestamptz
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
AS $_skip_overtaken$
    -- After an outage an incident is told once, with its times, not step by step:
    -- what still waits is superseded by a later step of the same incident that waits too.
    -- Takes the chat, whose row the caller has locked, and the time.
    UPDATE ghostwatch.notification AS earlier
    SET
        state = 'superseded',
        state_reason = format('told by notification %s', later.notification_id)
    FROM ghostwatch.channel
    CROSS JOIN ghostwatch.notification AS later
    WHERE channel.chat_id = _skip_overtaken.chat_id
        AND earlier.channel_id = channel.channel_id
        AND earlier.reason IN ('opened', 'escalated', 'reopened', 'repeated', 'resolved')
        AND (earlier.state = 'pending' OR (earlier.state = 'claimed' AND earlier.lease_until <= _skip_overtaken.as_of))
        AND later.channel_id = channel.channel_id
        AND later.alert_id = earlier.alert_id
        AND later.notification_id > earlier.notification_id
        AND later.reason IN ('escalated', 'reopened', 'repeated', 'resolved')
        AND later.state IN ('pending', 'claimed')
$_skip_overtaken$;

COMMENT ON FUNCTION ghostwatch._skip_overtaken(bigint, timestamptz) IS
'Supersedes the steps of an incident that a later step, waiting for the same channel, tells too.';
