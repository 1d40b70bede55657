CREATE FUNCTION ghostwatch._explain_notification(
    notification ghostwatch.notification,
    as_of timestamptz,
    OUT cause text,
    OUT finding text,
    OUT advice text
)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_explain_notification$
DECLARE
    -- As long as the doctor gives a sidecar.
    alive_from  constant timestamptz := as_of - '2 minutes'::interval;
    its_channel ghostwatch.channel;
    its_chat    ghostwatch.chat;
    dispatch    ghostwatch.dispatch;
    problem     text;
    ahead       bigint;
BEGIN
    SELECT c.* INTO STRICT its_channel FROM ghostwatch.channel AS c WHERE c.channel_id = notification.channel_id;
    SELECT c.* INTO its_chat FROM ghostwatch.chat AS c WHERE c.chat_id = its_channel.chat_id;
    SELECT d.* INTO dispatch FROM ghostwatch.dispatch AS d;

    -- It has an end already.
    IF notification.state = 'sent' THEN
        cause := 'sent';
        finding := format(
            'Sent as message %s to chat %s at %s.',
            coalesce(notification.message_id::text, 'of unknown number'), its_channel.chat_id, notification.sent_at::timestamptz(0)
        );
        RETURN;
    ELSIF notification.state = 'failed' THEN
        cause := 'refused';
        finding := format('Given up: %s', notification.state_reason);
        advice := 'SELECT ghostwatch.retry_failed();';
        RETURN;
    ELSIF notification.state IN ('suppressed', 'superseded') THEN
        cause := CASE
            WHEN notification.state_reason LIKE '%silence%' THEN 'silence'
            WHEN notification.state_reason LIKE 'quiet hours%' THEN 'quiet_hours'
            ELSE notification.state
        END;
        finding := format('Not sent: %s.', notification.state_reason);
        RETURN;
    END IF;

    -- It is not due yet.
    IF NOT isfinite(notification.next_attempt_at) THEN
        cause := 'kept';
        finding := format('It waits, %s.', notification.state_reason);
        RETURN;
    ELSIF notification.reason = 'digest' AND notification.next_attempt_at > as_of AND notification.attempts = 0 THEN
        cause := 'quiet_hours';
        finding := format('It waits for the digest at the end of the quiet hours, at %s.', notification.next_attempt_at::timestamptz(0));
        RETURN;
    END IF;

    -- Its channel
    IF its_channel.disabled_at IS NOT NULL THEN
        cause := CASE WHEN its_channel.disabled_reason ILIKE '%chat not found%' THEN 'wrong_chat' ELSE 'channel_closed' END;
        finding := format(
            'It waits, since channel %s (chat %s) is closed since %s: %s',
            its_channel.name, its_channel.chat_id, its_channel.disabled_at::timestamptz(0), its_channel.disabled_reason
        );
        advice := CASE
            WHEN cause = 'wrong_chat' THEN format('SELECT ghostwatch.add_channel(%L, chat_id => ...);', its_channel.name)
            ELSE format('SELECT ghostwatch.enable_channel(%L); -- when it is put right', its_channel.name)
        END;
        RETURN;
    END IF;

    -- Who sends it
    SELECT s.problem INTO problem
    FROM ghostwatch.sidecar AS s
    WHERE s.seen_at >= alive_from
    ORDER BY s.cannot_send, s.seen_at DESC
    LIMIT 1;
    IF NOT FOUND THEN
        cause := 'sidecar_down';
        finding := concat_ws(
            ' ',
            'It waits, since no sidecar is running.',
            (SELECT format('The last one, %s, was seen at %s.', s.worker, s.seen_at::timestamptz(0)) FROM ghostwatch.sidecar AS s ORDER BY s.seen_at DESC LIMIT 1)
        );
        advice := 'ghostwatch notify';
        RETURN;
    END IF;

    -- What Telegram says about the bot, or about the chat
    IF notification.waits_for = 'token' OR problem LIKE 'the bot token%' THEN
        cause := 'token';
        finding := format('It waits, since Telegram refuses the bot token (%s).', coalesce(problem, notification.state_reason));
        advice := 'ghostwatch send-test ' || its_channel.name;
    ELSIF notification.waits_for = 'messenger' OR problem LIKE 'Telegram%' THEN
        cause := 'telegram';
        finding := format('It waits, since Telegram did not take it (%s).', coalesce(problem, notification.state_reason));
        advice := 'ghostwatch send-test ' || its_channel.name;
    ELSIF greatest(dispatch.held_until, its_chat.held_until) > as_of THEN
        cause := 'told_to_wait';
        finding := format(
            'It waits, since Telegram wants nothing sent %s before %s.',
            CASE WHEN dispatch.held_until > as_of THEN 'by this bot' ELSE format('to chat %s', its_channel.chat_id) END,
            greatest(dispatch.held_until, its_chat.held_until)::timestamptz(0)
        );
    ELSIF notification.state = 'claimed' AND notification.lease_until > as_of THEN
        cause := 'claimed';
        finding := format('Sidecar %s is sending it, until %s at most.', notification.claimed_by, notification.lease_until::timestamptz(0));
    ELSE
        SELECT count(*)
        INTO ahead
        FROM ghostwatch.notification AS n
        INNER JOIN ghostwatch.channel AS c USING (channel_id)
        WHERE c.chat_id = its_channel.chat_id
            AND n.state IN ('pending', 'claimed')
            AND n.next_attempt_at <= as_of
            AND n.reason NOT IN ('events', 'updated')
            AND n.notification_id < notification.notification_id;
        cause := CASE WHEN ahead > 0 OR its_chat.next_send_at > as_of THEN 'pace' ELSE 'due' END;
        finding := CASE cause
            WHEN 'pace' THEN format(
                'It waits for its turn: %s before it in chat %s, which gets the next message %s.',
                ghostwatch._pluralize(ahead, 'notification'), its_channel.chat_id,
                CASE WHEN its_chat.next_send_at > as_of THEN format('at %s', its_chat.next_send_at::timestamptz(0)) ELSE 'now' END
            )
            ELSE format('It is due since %s, and a sidecar takes it within seconds.', notification.next_attempt_at::timestamptz(0))
        END;
    END IF;
END
$_explain_notification$;

COMMENT ON FUNCTION ghostwatch._explain_notification(ghostwatch.notification, timestamptz) IS
'What became of a notification or, while it waits, the first thing on its way that it waits for.
cause: sent, refused, silence, quiet_hours, suppressed, superseded, kept, wrong_chat, channel_closed, sidecar_down,
token, telegram, told_to_wait, claimed, pace or due. Takes the notification, one that nothing covers, and the time.
Returns one word for the cause, a sentence, and what to type, if there is something.';
