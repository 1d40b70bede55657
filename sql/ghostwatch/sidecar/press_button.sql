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
-- Only people on the list of a channel of this chat may, and only for alerts that were sent there: a client can send
-- data that no button has. Twenty presses a minute of one person are carried out, a hundred of all together, and the
-- last thousand that were refused are kept, so that no number of people fills the table or the outbox.
DECLARE
    as_of          constant timestamptz := ghostwatch._clock();
    presser        constant text := coalesce(nullif(ghostwatch._one_line(press_button.user_name, 64), ''), 'unknown');
    pressed        ghostwatch.alert;
    its_channel_id integer;
    answer         text;
    repairable     integer;
BEGIN
    IF (
        SELECT count(*) FILTER (WHERE recent.user_id = press_button.user_id) >= 20 OR count(*) >= 100
        FROM ghostwatch.button_press AS recent
        WHERE recent.pressed_at > as_of - '1 minute'::interval
    ) THEN
        RETURN 'Too many presses: please wait a minute.';
    END IF;

    SELECT channel.channel_id
    INTO its_channel_id
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

    IF its_channel_id IS NULL THEN
        answer := 'Sorry, only those on this channel''s list can do that.';
    ELSIF press_button.action = 'details' THEN
        answer := CASE
            WHEN ghostwatch._queue_details(its_channel_id, pressed.alert_id, as_of) THEN 'Details are on their way.'
            ELSE 'Details were asked for a moment ago.'
        END;
    ELSIF pressed.state = 'resolved' THEN
        answer := format('Alert %s is resolved already.', pressed.alert_id);
    ELSIF press_button.action = 'acknowledge' THEN
        IF ghostwatch.acknowledge(pressed.alert_id, presser) THEN
            answer := 'Acknowledged: this alert is not repeated any more.';
        ELSE
            answer := format('%s has acknowledged it already.', pressed.acknowledged_by);
        END IF;
    ELSIF press_button.action = 'repair' AND pressed.repair_requested_at IS NOT NULL THEN
        answer := format('%s has asked for it already.', pressed.repair_requested_by);
    ELSIF press_button.action = 'repair' THEN
        repairable := ghostwatch._repairable(pressed);
        IF repairable = 0 THEN
            answer := 'There is nothing to repair.';
        ELSIF EXISTS (
            SELECT
            FROM ghostwatch.button_press AS first
            WHERE first.chat_id = press_button.chat_id
                AND first.user_id = press_button.user_id
                AND first.alert_id = pressed.alert_id
                AND first.action = 'repair'
                AND first.allowed
                AND first.answer LIKE 'Press again%'
                AND first.pressed_at > as_of - '1 minute'::interval
        ) THEN
            PERFORM ghostwatch._request_repair(pressed.alert_id, presser);
            answer := 'The next check run repairs them; a message here will say what became of it.';
        ELSE
            answer := format('Press again within a minute to repair %s.', ghostwatch._pluralize(repairable, 'subject'));
        END IF;
    ELSIF press_button.action = 'silence' AND pressed.contract IS NOT NULL THEN
        PERFORM ghostwatch.silence(
            pressed.contract,
            pressed.invariant,
            by => presser,
            comment => format('by button, alert %s', pressed.alert_id)
        );
        answer := 'Silenced for an hour.';
    ELSE
        answer := 'This alert has no such button.';
    END IF;

    INSERT INTO ghostwatch.button_press (pressed_at, chat_id, user_id, user_name, action, alert_id, allowed, answer)
    VALUES (
        as_of,
        coalesce(press_button.chat_id, 0),
        coalesce(press_button.user_id, 0),
        presser,
        coalesce(ghostwatch._one_line(press_button.action, 64), ''),
        coalesce(press_button.alert_id, 0),
        its_channel_id IS NOT NULL,
        answer
    );

    DELETE FROM ghostwatch.button_press AS refused
    WHERE NOT refused.allowed
        AND refused.press_id <= (
            SELECT oldest.press_id
            FROM ghostwatch.button_press AS oldest
            WHERE NOT oldest.allowed
            ORDER BY oldest.press_id DESC
            OFFSET 1000
            LIMIT 1
        );

    RETURN answer;
END
$press_button$;

COMMENT ON FUNCTION ghostwatch.press_button(bigint, bigint, text, text, bigint) IS
'Does what a button under an alert asks for (acknowledge, silence, details, repair), if the person may, and records the press.
Returns what to answer. ';
