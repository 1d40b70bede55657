CREATE FUNCTION ghostwatch.press_button(
    chat_id bigint,
    user_id bigint,
    user_name text,
    action text,
    alert_id bigint
)
RETURNS text
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $press_button$
-- Does what somebody asked for by a button under an alert, and writes it down either way.
-- Takes the chat, who it is, what they pressed (acknowledge, silence, details) and the alert.
-- Only people on the list of a channel that leads to this chat may, and only for alerts that were told there:
-- what a client sends need not be what a button said. Returns what to answer.
DECLARE
    pressed ghostwatch.alert;
    told_in integer;
    answer  text;
BEGIN
    SELECT channel.channel_id
    INTO told_in
    FROM ghostwatch.channel
    INNER JOIN ghostwatch.notification
        ON notification.channel_id = channel.channel_id
    WHERE channel.chat_id = press_button.chat_id
        AND press_button.user_id = ANY (channel.button_user_ids)
        AND notification.alert_id = press_button.alert_id
    LIMIT 1;

    SELECT alert.* INTO pressed
    FROM ghostwatch.alert
    WHERE alert.alert_id = press_button.alert_id;

    IF told_in IS NULL THEN
        answer := 'Sorry, only those on this channel''s list can do that.';
    ELSIF press_button.action = 'details' THEN
        PERFORM ghostwatch._queue_details(told_in, pressed.alert_id, jsonb_agg(to_jsonb(fact)), ghostwatch._clock())
        FROM ghostwatch.explain_alert(pressed.alert_id) AS fact
        WHERE fact.topic <> 'query';
        answer := 'Details are on their way.';
    ELSIF pressed.state = 'resolved' THEN
        answer := format('Alert %s is resolved already.', pressed.alert_id);
    ELSIF press_button.action = 'acknowledge' THEN
        IF ghostwatch.acknowledge(pressed.alert_id, press_button.user_name) THEN
            answer := 'It is yours: no repeats from now on.';
        ELSE
            answer := format('%s is on it already.', pressed.acknowledged_by);
        END IF;
    ELSIF press_button.action = 'silence' AND pressed.contract IS NOT NULL THEN
        PERFORM ghostwatch.silence(
            pressed.contract,
            pressed.invariant,
            by => press_button.user_name,
            comment => format('by button, alert %s', pressed.alert_id)
        );
        answer := 'Silent for an hour.';
    ELSE
        answer := 'This alert has no such button.';
    END IF;

    INSERT INTO ghostwatch.button_press (pressed_at, chat_id, user_id, user_name, action, alert_id, allowed, answer)
    VALUES (
        ghostwatch._clock(),
        press_button.chat_id,
        press_button.user_id,
        press_button.user_name,
        press_button.action,
        press_button.alert_id,
        told_in IS NOT NULL,
        answer
    );

    RETURN answer;
END
$press_button$;

COMMENT ON FUNCTION ghostwatch.press_button(bigint, bigint, text, text, bigint) IS
'Does what somebody asked for by a button under an alert (acknowledge, silence, details), if they may, and writes it down. Returns what to answer.';
