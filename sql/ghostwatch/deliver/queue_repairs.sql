CREATE FUNCTION ghostwatch._queue_repairs(
    its_alert ghostwatch.alert,
    facts jsonb,
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_queue_repairs$
-- It takes the place of no other message, and no later one takes its place. Where messages about the alert are kept back, so is this
-- one, for good: the page and ghostwatch.repair_history say what was repaired.
BEGIN
    INSERT INTO ghostwatch.notification (channel_id, alert_id, reason, payload, created_at, next_attempt_at)
    SELECT c.channel_id, its_alert.alert_id, 'repaired', facts, as_of, as_of
    FROM ghostwatch.channel AS c
    CROSS JOIN LATERAL ghostwatch._delivery_decision(its_alert, c, as_of) AS d
    WHERE d.state = 'pending'
        AND d.next_attempt_at <= as_of
        AND EXISTS (
            SELECT
            FROM ghostwatch.notification AS n
            WHERE n.alert_id = its_alert.alert_id
                AND n.channel_id = c.channel_id
                AND n.reason NOT IN ('updated', 'details', 'repaired')
                AND n.state <> 'suppressed'
        );

    IF FOUND THEN
        PERFORM ghostwatch._wake_sidecars();
    END IF;
END
$_queue_repairs$;

COMMENT ON FUNCTION ghostwatch._queue_repairs(ghostwatch.alert, jsonb, timestamptz) IS
'Puts what was repaired into the outbox of every channel that got the alert. facts: what the template shows.';
