CREATE FUNCTION ghostwatch._message_history(
    alert_id bigint
)
RETURNS jsonb
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_message_history$
-- Those of one step come together, as people remember them. A message that another one covers was sent as that one.
SELECT coalesce(jsonb_agg(to_jsonb(s) ORDER BY s.sent_at, s.reason), '[]')
FROM (
    SELECT n.reason, min(n.sent_at) AS sent_at, array_agg(DISTINCT c.name ORDER BY c.name) AS channels
    FROM ghostwatch.notification AS n
    INNER JOIN ghostwatch.channel AS c USING (channel_id)
    WHERE n.alert_id = _message_history.alert_id
        AND n.state = 'sent'
        AND n.reason NOT IN ('updated', 'details')
    GROUP BY n.reason, n.created_at
    ORDER BY min(n.sent_at) DESC
    LIMIT 8
) AS s
$_message_history$;

COMMENT ON FUNCTION ghostwatch._message_history(bigint) IS
'The last eight messages about an alert, oldest first, as an array of {"reason", "sent_at", "channels"}.';
