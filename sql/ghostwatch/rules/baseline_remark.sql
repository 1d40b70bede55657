CREATE FUNCTION ghostwatch._baseline_remark(
    invariant_id integer,
    as_of timestamptz
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_baseline_remark$
    -- For the view ghostwatch.status.
    SELECT CASE
        WHEN i.rule = 'auto' AND NOT ghostwatch._usual_rate_is_known(b.baseline) THEN format(
            'an alert for each violation until there are 100 trials, %s so far', seen.trials
        )
        WHEN i.rule = 'auto' AND ghostwatch._auto_choice(b.baseline) = 'threshold' THEN format(
            'usually %s %%, an alert for each violation',
            round(((b.baseline).violations * 100.0 / (b.baseline).due)::numeric, 2)
        )
        WHEN seen.trials < 100 THEN format(
            'compared with the expected rate (%s %%) until there are 100 trials, %s so far',
            round((i.expected_rate * 100)::numeric, 1),
            seen.trials
        )
        ELSE format(
            'usually %s %%, no alert below %s %%',
            round(((b.baseline).baseline_rate * 100)::numeric, 1),
            round((ghostwatch._tolerance(ghostwatch._usual_rate(b.baseline, '')) * 100)::numeric, 1)
        )
    END
    FROM ghostwatch.invariant AS i
    LEFT JOIN LATERAL (
        SELECT latest AS baseline
        FROM ghostwatch.drift_baseline AS latest
        WHERE latest.invariant_id = i.invariant_id
        ORDER BY latest.version DESC
        LIMIT 1
    ) AS b
        ON true
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(recent.due), 0) AS trials
        FROM (
            -- Every recorded minute has at least one trial, so a hundred of them are enough.
            SELECT m.due
            FROM ghostwatch.branch_minute AS m
            WHERE m.invariant_id = i.invariant_id
                AND m.minute >= _baseline_remark.as_of - '28 days'::interval
            LIMIT 100
        ) AS recent
    ) AS seen
    WHERE i.invariant_id = _baseline_remark.invariant_id
        AND ghostwatch._needs_trials(i.rule)
$_baseline_remark$;

COMMENT ON FUNCTION ghostwatch._baseline_remark(integer, timestamptz) IS
'What a rule that needs trials compares with, in words; NULL for other rules.';
