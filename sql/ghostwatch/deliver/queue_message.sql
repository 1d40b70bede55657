CREATE FUNCTION ghostwatch._queue_message(
    its_alert ghostwatch.alert,
    channel ghostwatch.channel,
    reason text,
    as_of timestamptz,
    payload jsonb DEFAULT '{}'
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_queue_message$
DECLARE
    entered    record;
    superseded text[];
BEGIN
    INSERT INTO ghostwatch.notification AS n (
        channel_id, alert_id, reason, payload, state, state_reason, covered_by, created_at, next_attempt_at
    )
    SELECT channel.channel_id, its_alert.alert_id, reason, _queue_message.payload, h.state, h.state_reason, h.covered_by, as_of, h.next_attempt_at
    FROM ghostwatch._delivery_decision(its_alert, channel, as_of) AS h
    RETURNING n.notification_id, n.state, n.next_attempt_at INTO entered;

    -- Messages are rendered from the state at sending time: what still waits (because Telegram was unreachable, for
    -- example) would show this same state. So this message, which has all the times, takes the place of them all, even
    -- if it is suppressed. An outage summary also takes the place of what was kept for it.
    WITH waiting AS (
        UPDATE ghostwatch.notification AS n
        SET
            state = 'superseded',
            state_reason = format('still waiting when %s was due', _queue_message.reason),
            covered_by = entered.notification_id
        WHERE (
                n.alert_id = its_alert.alert_id
                OR (_queue_message.reason = 'outage_summary' AND n.next_attempt_at = 'infinity')
            )
            AND n.channel_id = channel.channel_id
            AND n.state = 'pending'
            AND n.reason NOT IN ('updated', 'details', 'repaired')
            AND n.notification_id <> entered.notification_id
        RETURNING n.notification_id, n.alert_id, n.reason
    )
    SELECT array_agg(w.reason ORDER BY w.notification_id) INTO superseded
    FROM waiting AS w
    WHERE w.alert_id = its_alert.alert_id;

    IF superseded IS NOT NULL THEN
        UPDATE ghostwatch.notification AS n
        SET payload = n.payload || jsonb_build_object('superseded', superseded)
        WHERE n.notification_id = entered.notification_id;
    END IF;

    IF entered.state = 'pending' AND entered.next_attempt_at <= as_of THEN
        PERFORM ghostwatch._wake_sidecars();
    END IF;
END
$_queue_message$;

COMMENT ON FUNCTION ghostwatch._queue_message(ghostwatch.alert, ghostwatch.channel, text, timestamptz, jsonb) IS
'Puts a new message about an alert into the outbox of a channel, or records why it is suppressed. Takes the alert, the
channel, the reason and the time.';
