-- A view reads with the rights of its owner, whom row level security does not bind: so it says itself who sees what.
CREATE VIEW ghostwatch.drill_history AS
SELECT
    a.alert_id,
    a.contract,
    a.invariant,
    CASE n.reason WHEN 'opened' THEN 'warning' WHEN 'escalated' THEN 'error' ELSE 'resolution' END AS step,
    c.name AS channel,
    n.state,
    n.state_reason,
    n.created_at AS at,
    n.rendered_at - n.created_at AS waited,
    n.sent_at - n.created_at AS took,
    n.sent_at - a.opened_at AS since_start
FROM ghostwatch.alert AS a
INNER JOIN ghostwatch.notification AS n
    ON n.alert_id = a.alert_id
INNER JOIN ghostwatch.channel AS c
    ON c.channel_id = n.channel_id
WHERE
    a.kind = 'drill'
    AND n.reason NOT IN ('updated', 'details')
    AND coalesce(
        (SELECT ghostwatch._is_own(k.owner) FROM ghostwatch.contract AS k WHERE k.name = a.contract),
        ghostwatch._is_own(NULL)
    )
ORDER BY a.alert_id, n.notification_id;

-- So that a condition of whoever reads it is not shown the rows that it hides.
ALTER VIEW ghostwatch.drill_history SET (security_barrier);

COMMENT ON VIEW ghostwatch.drill_history IS
'The messages of each drill, in order: step, channel, and state;
at: when the step was taken; waited: until a sidecar took the message up; took: until it was delivered; since_start: from the start of the drill to then.';
