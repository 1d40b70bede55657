CREATE FUNCTION ghostwatch._explain_messages(
    its_alert ghostwatch.alert,
    as_of timestamptz
)
RETURNS TABLE (
    channel text,
    messages text,
    cause text,
    finding text,
    advice text
)
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $_explain_messages$
    WITH RECURSIVE step AS (
        SELECT n.notification_id AS first_id, n.reason, n.notification_id, n.covered_by
        FROM ghostwatch.notification AS n
        WHERE n.alert_id = its_alert.alert_id
            AND n.reason NOT IN ('updated', 'details')
        UNION
        SELECT step.first_id, step.reason, n.notification_id, n.covered_by
        FROM step
        INNER JOIN ghostwatch.notification AS n
            ON n.notification_id = step.covered_by
    ),

    outcome AS (
        SELECT n.channel_id, n AS notification, string_agg(step.reason, ', ' ORDER BY step.first_id) AS messages
        FROM step
        INNER JOIN ghostwatch.notification AS n USING (notification_id)
        WHERE step.covered_by IS NULL
        GROUP BY n.channel_id, n.notification_id, n
    )

    SELECT c.name, outcome.messages, told.cause, told.finding, told.advice
    FROM outcome
    INNER JOIN ghostwatch.channel AS c USING (channel_id)
    CROSS JOIN LATERAL ghostwatch._explain_notification(outcome.notification, as_of) AS told
    UNION ALL
    SELECT d.channel, NULL, 'filter', d.outcome, NULL
    FROM ghostwatch._explain_delivery(its_alert) AS d
    WHERE d.channel NOT IN (SELECT c.name FROM outcome INNER JOIN ghostwatch.channel AS c USING (channel_id))
    ORDER BY 1, 2
$_explain_messages$;

COMMENT ON FUNCTION ghostwatch._explain_messages(ghostwatch.alert, timestamptz) IS
'Every channel, and what became of each message about an alert: of several that one message covers, only that one.';
