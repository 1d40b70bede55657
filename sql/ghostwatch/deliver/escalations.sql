CREATE FUNCTION ghostwatch._escalations()
RETURNS TABLE (
    alert_id bigint,
    channel_id integer,
    waited_since timestamptz,
    due_at timestamptz
)
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $_escalations$
    -- The time counts from when somebody could have read the message, or should have been able to: a chat that Telegram
    -- refuses acknowledges nothing. What is kept (for a digest or a summary) counts from when that is sent.
    SELECT its_alert.alert_id, source.channel_id, first_message.at, first_message.at + source.escalate_after
    FROM ghostwatch.channel AS source
    CROSS JOIN ghostwatch.alert AS its_alert
    CROSS JOIN LATERAL (
        SELECT greatest(its_alert.opened_at, its_alert.reopened_at)
    ) AS episode (began_at)
    CROSS JOIN LATERAL (
        SELECT min(
            CASE
                WHEN n.state = 'sent' THEN n.sent_at
                WHEN n.covered_by IS NOT NULL
                    THEN (SELECT cover.sent_at FROM ghostwatch.notification AS cover WHERE cover.notification_id = n.covered_by)
                WHEN n.state IN ('pending', 'claimed', 'failed') AND isfinite(n.next_attempt_at) THEN n.created_at
            END
        )
        FROM ghostwatch.notification AS n
        WHERE n.alert_id = its_alert.alert_id
            AND n.channel_id = source.channel_id
            AND n.reason NOT IN ('updated', 'details')
            -- The end of a silence begins anew.
            AND n.created_at >= greatest(
                episode.began_at,
                (
                    SELECT max(e.created_at)
                    FROM ghostwatch.notification AS e
                    WHERE e.alert_id = its_alert.alert_id
                        AND e.channel_id = source.channel_id
                        AND e.reason = 'silence_ended'
                )
            )
    ) AS first_message (at)
    WHERE source.escalate_to IS NOT NULL
        AND its_alert.state = 'firing'
        AND its_alert.kind <> 'drill'
        AND its_alert.acknowledged_at IS NULL
        AND its_alert.silence_id IS NULL
        AND first_message.at IS NOT NULL
        AND NOT EXISTS (
            SELECT
            FROM ghostwatch.notification AS done
            WHERE done.alert_id = its_alert.alert_id
                AND done.channel_id = source.channel_id
                AND done.reason = 'passed_on'
                AND done.created_at >= episode.began_at
        )
        AND NOT ghostwatch._in_maintenance(its_alert.invariant_id, ghostwatch._clock())
$_escalations$;

COMMENT ON FUNCTION ghostwatch._escalations() IS
'The firing alerts that nobody has acknowledged and that are still to be sent to the next channel of a chain: since when the channel
has had its message, and when the next one gets it. None of silenced alerts, of drills and during maintenance.';
