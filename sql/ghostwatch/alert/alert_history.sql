-- A view reads with the rights of its owner, whom row level security does not bind: so it says itself who sees what.
CREATE VIEW ghostwatch.alert_history AS
SELECT
    a.alert_id,
    a.kind,
    a.contract,
    a.invariant,
    a.rule,
    a.state,
    a.severity,
    a.opened_at,
    a.escalated_at,
    a.reopened_at,
    a.resolved_at,
    coalesce(a.resolved_at, ghostwatch._clock()) - a.opened_at AS lasted,
    a.reopened_count,
    a.warn_count,
    a.error_count,
    a.peak_count,
    a.sample_keys,
    a.branches -> 0 ->> 'family' AS first_branch,
    a.acknowledged_at,
    a.acknowledged_by,
    a.acknowledge_comment,
    a.silence_id,
    messages.sent AS messages_sent,
    messages.waiting AS messages_waiting,
    messages.suppressed AS messages_suppressed
FROM ghostwatch.alert AS a
CROSS JOIN
    LATERAL (
        SELECT
            count(*) FILTER (WHERE n.state = 'sent') AS sent,
            count(*) FILTER (WHERE n.state IN ('pending', 'claimed')) AS waiting,
            count(*) FILTER (WHERE n.state = 'suppressed') AS suppressed
        FROM ghostwatch.notification AS n
        WHERE
            n.alert_id = a.alert_id
            AND n.reason <> 'updated'
    ) AS messages
WHERE
    -- Whoever counts incidents counts no drills.
    a.kind <> 'drill'
    AND coalesce(
        (SELECT ghostwatch._is_own(c.owner) FROM ghostwatch.contract AS c WHERE c.name = a.contract),
        a.contract IS NULL OR ghostwatch._is_own(NULL)
    );

-- So that a condition of whoever reads it is not shown the rows that it hides.
ALTER VIEW ghostwatch.alert_history SET (security_barrier);

COMMENT ON VIEW ghostwatch.alert_history IS
'Every incident, firing or resolved: when, how many violations, by which branch mostly, who took care of it, and how many messages it made (edits not counted).
For the evidence of one: ghostwatch.explain_alert(). Drills are in ghostwatch.drill_history.';
