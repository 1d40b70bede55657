CREATE FUNCTION ghostwatch._baseline_is_due(
    latest ghostwatch.drift_baseline,
    detectors ghostwatch.drift_detector[],
    rule ghostwatch.invariant,
    as_of timestamptz
)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_baseline_is_due$
    -- A possible change must not become part of the baseline: it is kept while a detector is raised or has climbed halfway.
    -- Otherwise it is computed once a day, sooner while there is little history, and at once when the settings have changed.
    SELECT
        (latest).version IS NULL
        OR (
            NOT coalesce(bool_or((a.raised_at IS NOT NULL AND a.recovered_at IS NULL) OR (SELECT avg(r) FROM unnest(a.evidence) AS r) > sqrt((latest).threshold)), false)
            AND (
                (latest).made_at <= as_of - '1 day'::interval
                OR coalesce(max(a.trials_seen), 0) >= 2 * (latest).trials_seen + 100
                OR ((latest).days_per_false_alarm, (latest).branch_ceiling)
                <> ((rule).days_per_false_alarm, (rule).branch_ceiling)
            )
        )
    FROM unnest(detectors) AS a
$_baseline_is_due$;

COMMENT ON FUNCTION ghostwatch._baseline_is_due(ghostwatch.drift_baseline, ghostwatch.drift_detector[], ghostwatch.invariant, timestamptz) IS
'Whether the baseline of the rule drift should be computed again. latest: NULL if there is none.';
