CREATE VIEW ghostwatch.status AS
SELECT
    c.contract,
    c.invariant,
    c.owner,
    c.rule,
    CASE
        WHEN known.paused THEN 'paused'
        WHEN p.failing_since IS NOT NULL THEN 'failing'
        WHEN p.last_success_at IS NULL THEN 'never checked'
        WHEN p.last_success_at < known.as_of - 3 * known.check_period THEN 'stopped'
        WHEN p.catching_up_since IS NOT NULL THEN 'catching up'
        ELSE coalesce(firing.severity, 'ok')
    END AS state,
    open.warn_count,
    open.error_count,
    firing.alert_id,
    greatest(known.as_of - c.deadline - p.watermark, '0'::interval) AS watermark_lag,
    p.last_success_at,
    p.last_attempt_at,
    known.paused,
    concat_ws(
        '; ',
        'failing since ' || p.failing_since || ': ' || p.last_error,
        'catching up with what became due since ' || (p.catching_up_since + c.deadline),
        CASE
            WHEN baseline.trials < 100 THEN format(
                'judged by the expected rate (%s %%) until there are 100 trials, %s so far',
                round((i.expected_rate * 100)::numeric, 1),
                baseline.trials
            )
        END
    ) AS remark
FROM ghostwatch._clause AS c
INNER JOIN ghostwatch.invariant AS i
    ON i.invariant_id = c.invariant_id
INNER JOIN ghostwatch.check_progress AS p
    ON p.invariant_id = c.invariant_id
CROSS JOIN (
    SELECT
        ghostwatch._clock() AS as_of,
        ghostwatch._setting('paused')::boolean AS paused,
        ghostwatch._setting('check_period')::interval AS check_period
) AS known
CROSS JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE v.state = 'warn') AS warn_count,
        count(*) FILTER (WHERE v.state = 'error') AS error_count
    FROM ghostwatch.violation AS v
    WHERE v.invariant_id = c.invariant_id
        AND v.state IN ('warn', 'error', 'exempt')
) AS open
LEFT JOIN ghostwatch.alert AS firing
    ON firing.invariant_id = c.invariant_id
    AND firing.kind = 'violations'
    AND firing.state = 'firing'
-- Every counted minute has a trial at least, so a hundred of them are enough to look at.
LEFT JOIN LATERAL (
    SELECT coalesce(sum(recent.matured), 0) AS trials
    FROM (
        SELECT m.matured
        FROM ghostwatch.branch_minute AS m
        WHERE m.invariant_id = c.invariant_id
            AND m.minute >= known.as_of - '28 days'::interval
        LIMIT 100
    ) AS recent
) AS baseline
    ON c.rule = 'drift';

COMMENT ON VIEW ghostwatch.status IS
'One row per invariant. state: paused, failing, never checked, stopped (no success for three periods), catching up, the severity of its firing alert, or ok. '
'watermark_lag: how far behind the present deadline everybody is known to have been judged.';
COMMENT ON COLUMN ghostwatch.status.warn_count IS 'Open violations between warn_after and error_after.';
COMMENT ON COLUMN ghostwatch.status.error_count IS 'Open violations past error_after.';
COMMENT ON COLUMN ghostwatch.status.remark IS 'What else there is to know, in words; empty when there is nothing.';
