-- Whose rows these are, ghostwatch._clause says.
CREATE VIEW ghostwatch.status AS
WITH present AS (
    SELECT
        ghostwatch._clock() AS as_of,
        ghostwatch._overdue_after() AS overdue_after,
        ghostwatch._setting('paused')::boolean AS paused
),

open AS (
    SELECT
        v.invariant_id,
        count(*) FILTER (WHERE v.state = 'warn') AS warn_count,
        count(*) FILTER (WHERE v.state = 'error') AS error_count
    FROM ghostwatch.violation AS v
    WHERE v.closed_at IS NULL
    GROUP BY v.invariant_id
),

firing AS (
    SELECT DISTINCT ON (alert.invariant_id)
        alert.invariant_id,
        alert.alert_id,
        alert.kind,
        alert.severity
    FROM ghostwatch.alert
    WHERE alert.state = 'firing' AND alert.kind IN ('violations', 'no_signups')
    ORDER BY
        alert.invariant_id,
        array_position(ARRAY['error', 'warn'], alert.severity),
        alert.alert_id
)

SELECT
    c.contract,
    c.invariant,
    c.owner,
    c.rule,
    (SELECT k.enforcement FROM ghostwatch.contract AS k WHERE k.contract_id = c.contract_id) AS enforcement,
    CASE
        WHEN present.paused THEN 'paused'
        WHEN p.last_error_state = '55P03' THEN 'waiting'
        WHEN p.failing_since IS NOT NULL THEN 'failing'
        WHEN p.last_success_at IS NULL THEN 'never checked'
        WHEN p.last_success_at < present.as_of - present.overdue_after THEN 'stopped'
        WHEN p.catching_up_since IS NOT NULL THEN 'catching up'
        ELSE coalesce(firing.severity, 'ok')
    END AS state,
    coalesce(open.warn_count, 0) AS warn_count,
    coalesce(open.error_count, 0) AS error_count,
    firing.alert_id,
    greatest(present.as_of - c.deadline - p.watermark, '0'::interval) AS watermark_lag,
    p.last_success_at,
    p.last_attempt_at,
    present.paused,
    concat_ws(
        '; ',
        'failing since ' || date_trunc('second', p.failing_since) || ': ' || rtrim(p.last_error, '.'),
        'catching up with what became due since ' || date_trunc('second', p.catching_up_since + c.deadline),
        CASE WHEN firing.kind = 'no_signups' THEN 'nobody has come for unusually long' END,
        ghostwatch._baseline_remark(c.invariant_id, present.as_of)
    ) AS remark
FROM ghostwatch._clause AS c
INNER JOIN ghostwatch.check_progress AS p ON c.invariant_id = p.invariant_id
CROSS JOIN present
LEFT JOIN open ON c.invariant_id = open.invariant_id
LEFT JOIN firing ON c.invariant_id = firing.invariant_id;

-- So that a condition of whoever reads it is not shown the rows that it hides.
ALTER VIEW ghostwatch.status SET (security_barrier);

COMMENT ON VIEW ghostwatch.status IS
'One row per invariant. state: paused, waiting (for a lock on a table), failing, never checked, stopped (no success for three periods), '
'catching up, the severity of its firing alert, or ok. '
'watermark_lag: how far the checks are behind: up to so long before the present deadline, every subject has been checked.';
COMMENT ON COLUMN ghostwatch.status.enforcement IS 'What happens at COMMIT: observe (nothing), warn or reject; see ghostwatch.enforce().';
COMMENT ON COLUMN ghostwatch.status.warn_count IS 'Open violations between warn_after and error_after.';
COMMENT ON COLUMN ghostwatch.status.error_count IS 'Open violations past error_after.';
COMMENT ON COLUMN ghostwatch.status.remark IS 'What else there is to know, in words; empty when there is nothing.';
