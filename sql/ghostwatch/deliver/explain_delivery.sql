CREATE FUNCTION ghostwatch._explain_delivery(
    its_alert ghostwatch.alert
)
RETURNS TABLE (
    channel text,
    outcome text
)
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $_explain_delivery$
    -- The filters are those of now: what was sent before a change is listed as sent.
    SELECT
        c.name,
        concat_ws(
            '; ',
            CASE
                WHEN outbox.steps IS NOT NULL THEN outbox.steps
                WHEN its_alert.contract <> ALL (c.contracts)
                    THEN format('not sent: the channel gets %s only', array_to_string(c.contracts, ', '))
                WHEN c.min_severity = 'error' AND its_alert.severity = 'warn'
                    THEN 'not sent: the channel gets errors only, and this is a warning'
                ELSE 'not sent: the channel did not exist, or had another filter, when the messages were due'
            END,
            CASE
                WHEN c.disabled_at IS NOT NULL
                    THEN format('the channel is closed since %s: %s', c.disabled_at::timestamptz(0), c.disabled_reason)
            END,
            (
                SELECT format('unless somebody acknowledges it, %s gets it at %s', c.escalate_to, e.due_at::timestamptz(0))
                FROM ghostwatch._escalations() AS e
                WHERE e.alert_id = its_alert.alert_id
                    AND e.channel_id = c.channel_id
            )
        )
    FROM ghostwatch.channel AS c
    CROSS JOIN LATERAL (
        SELECT
            string_agg(
                concat_ws(
                    ' ',
                    n.reason,
                    n.state,
                    'at ' || n.sent_at::timestamptz(0),
                    CASE
                        WHEN n.state = 'superseded' THEN format('by notification %s', coalesce(n.covered_by::text, 'none'))
                        ELSE '(' || n.state_reason || ')'
                    END
                ),
                ', '
                ORDER BY n.notification_id
            ) AS steps
        FROM ghostwatch.notification AS n
        WHERE n.alert_id = its_alert.alert_id
            AND n.channel_id = c.channel_id
            AND n.reason <> 'updated'
    ) AS outbox
    ORDER BY c.name
$_explain_delivery$;

COMMENT ON FUNCTION ghostwatch._explain_delivery(ghostwatch.alert) IS
'Every channel, and why it was or was not sent an alert.';
