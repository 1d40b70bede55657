CREATE FUNCTION ghostwatch._baseline_remark(
    invariant_id integer,
    as_of timestamptz
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
AS $_baseline_remark$
    -- Says so while an invariant of the rule drift is judged without a baseline of its own.
    -- Takes the invariant and the time; returns NULL for other rules, and once there are 100 trials.
    SELECT format(
        'judged by the expected rate (%s %%) until there are 100 trials, %s so far',
        round((i.expected_rate * 100)::numeric, 1),
        baseline.trials
    )
    FROM ghostwatch.invariant AS i
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(recent.matured), 0) AS trials
        FROM (
            -- Every minute that is counted has a trial at least, so a hundred of them are enough to look at.
            SELECT m.matured
            FROM ghostwatch.branch_minute AS m
            WHERE m.invariant_id = i.invariant_id
                AND m.minute >= _baseline_remark.as_of - '28 days'::interval
            LIMIT 100
        ) AS recent
    ) AS baseline
    WHERE i.invariant_id = _baseline_remark.invariant_id
        AND i.rule = 'drift'
        AND baseline.trials < 100
$_baseline_remark$;

COMMENT ON FUNCTION ghostwatch._baseline_remark(integer, timestamptz) IS
'Says so while an invariant of the rule drift is judged without a baseline of its own; otherwise NULL.';
