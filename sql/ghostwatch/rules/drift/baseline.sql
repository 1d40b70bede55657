CREATE FUNCTION ghostwatch._baseline(
    rule ghostwatch.invariant,
    history ghostwatch._hour_count[],
    history_from timestamptz,
    history_until timestamptz
)
RETURNS ghostwatch.drift_baseline
LANGUAGE plpgsql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_baseline$
-- A prior stands in for missing history: a baseline of nothing but a few trials would follow chance.
DECLARE
    prior_weight constant double precision := 100.0::double precision;  -- how many trials the declared rate, or that of the other branches, counts for
    lowest_rate  constant double precision := 0.005::double precision;
    highest_rate constant double precision := 0.9::double precision;  -- leaves room for an alternative rate
    baseline ghostwatch.drift_baseline;
    arrived bigint;
    days double precision;
BEGIN
    SELECT
        coalesce(sum(h.arrived), 0)::bigint,
        coalesce(sum(h.due), 0)::bigint,
        coalesce(sum(h.violations), 0)::bigint,
        greatest(extract(EPOCH FROM _baseline.history_until - min(h.hour)) / 86400, 1 / 24.0)::double precision
    INTO arrived, baseline.due, baseline.violations, days
    FROM unnest(history) AS h;

    baseline.invariant_id := rule.invariant_id;
    baseline.history_from := history_from;
    baseline.history_until := history_until;
    baseline.expected_rate := rule.expected_rate;
    baseline.days_per_false_alarm := rule.days_per_false_alarm;
    baseline.branch_ceiling := rule.branch_ceiling;
    baseline.baseline_rate := (baseline.violations + prior_weight * rule.expected_rate) / (baseline.due + prior_weight);
    baseline.upper_rate := least(highest_rate, greatest(lowest_rate,
        ghostwatch._wilson_upper(baseline.violations + prior_weight * rule.expected_rate, baseline.due + prior_weight)));
    baseline.subjects_per_day := arrived / days;

    -- The promise is shared by the detector of all trials and those of the branch families, which see every trial once between
    -- them: their number costs nothing. One trial an hour is assumed at least, so that a trickle does not lower the threshold to nothing.
    baseline.threshold := 2 * greatest(baseline.subjects_per_day, 24) * rule.days_per_false_alarm;

    -- Only what exceeds chance counts: two standard errors of the variance are subtracted.
    baseline.hour_deviation := coalesce((
        SELECT sqrt(greatest(0,
            sum(h.due * (h.violations / h.due - average.rate) ^ 2) / sum(h.due)
            - count(*) * average.rate * (1 - average.rate) / sum(h.due) * (1 + 2 * sqrt(2.0 / count(*)))
        ))
        FROM (
            SELECT sum(h.due)::double precision AS due, sum(h.violations)::double precision AS violations
            FROM unnest(history) AS h
            GROUP BY h.hour
            HAVING sum(h.due) > 0
        ) AS h
        CROSS JOIN (SELECT baseline.violations / nullif(baseline.due, 0)::double precision AS rate) AS average
        GROUP BY average.rate
    ), 0);

    -- The worst hour of the day, shrunk towards the average as far as its own count is uncertain.
    baseline.worst_hour_excess := coalesce((
        SELECT max((h.violations / h.due - average.rate) * baseline.hour_deviation ^ 2
            / (baseline.hour_deviation ^ 2 + average.rate * (1 - average.rate) / h.due))
        FROM (
            SELECT sum(h.due)::double precision AS due, sum(h.violations)::double precision AS violations
            FROM unnest(history) AS h
            GROUP BY extract(HOUR FROM h.hour AT TIME ZONE 'UTC')
            HAVING sum(h.due) > 0
        ) AS h
        CROSS JOIN (SELECT baseline.violations / nullif(baseline.due, 0)::double precision AS rate) AS average
        WHERE baseline.hour_deviation > 0
    ), 0);

    -- Each hour of the day gets one day of the average hour as a prior.
    SELECT array_agg(
        (coalesce(h.arrived, 0) + baseline.subjects_per_day / 24) / (days + 1)
        ORDER BY hour_of_day
    )
    INTO baseline.subjects_by_hour
    FROM generate_series(0, 23) AS hour_of_day
    LEFT JOIN (
        SELECT extract(HOUR FROM h.hour AT TIME ZONE 'UTC') AS hour_of_day, sum(h.arrived) AS arrived
        FROM unnest(history) AS h
        GROUP BY 1
    ) AS h USING (hour_of_day);

    -- A branch is compared with all the others: a branch that was broken from its first day would be its own excuse.
    -- Its own history counts where it is worse, but only up to half the ceiling.
    SELECT coalesce(array_agg(
        ROW(
            family.branch_family,
            family.due,
            family.violations,
            greatest(pool.rate, least(own.rate, rule.branch_ceiling / 2)),
            least(highest_rate, greatest(lowest_rate, pool.upper_rate, least(own.upper_rate, rule.branch_ceiling / 2)))
        )::ghostwatch._family_rate
        ORDER BY family.branch_family
    ), '{}')
    INTO baseline.families
    FROM (
        SELECT h.branch_family, sum(h.due) AS due, sum(h.violations) AS violations
        FROM unnest(history) AS h
        GROUP BY h.branch_family
    ) AS family
    CROSS JOIN LATERAL (
        SELECT
            baseline.violations - family.violations + prior_weight * rule.expected_rate AS violations,
            baseline.due - family.due + prior_weight AS due
    ) AS others
    CROSS JOIN LATERAL (
        SELECT
            others.violations / others.due AS rate,
            ghostwatch._wilson_upper(others.violations, others.due) AS upper_rate
    ) AS pool
    CROSS JOIN LATERAL (
        SELECT
            (family.violations + prior_weight * pool.rate) / (family.due + prior_weight) AS rate,
            ghostwatch._wilson_upper(family.violations + prior_weight * pool.rate, family.due + prior_weight) AS upper_rate
    ) AS own;

    RETURN baseline;
END
$_baseline$;

COMMENT ON FUNCTION ghostwatch._baseline(ghostwatch.invariant, ghostwatch._hour_count[], timestamptz, timestamptz) IS
'The baseline of an invariant, without a version, from counts per hour and branch family between two moments.';
