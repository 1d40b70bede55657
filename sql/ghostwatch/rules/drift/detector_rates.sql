CREATE FUNCTION ghostwatch._detector_rates(
    baseline ghostwatch.drift_baseline,
    detector text,
    branch_family text,
    OUT baseline_rate double precision,
    OUT alternative_rate double precision,
    OUT violated_weight double precision,
    OUT healthy_weight double precision,
    OUT tolerance double precision
)
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_detector_rates$
    -- A branch that reaches the ceiling is broken whatever the others do, so the tolerance of its detector stays below the ceiling.
    SELECT baseline_rate.rate, alternative_rate.rate, scale.factor * weights.violated, scale.factor * weights.healthy, weights.tolerance
    FROM (
        SELECT
            CASE WHEN detector = 'branch' THEN 0.75 * (baseline).branch_ceiling ELSE 0.9 END AS baseline_rate,
            CASE WHEN detector = 'branch' THEN (baseline).branch_ceiling ELSE 0.95 END AS tolerance
    ) AS highest
    CROSS JOIN LATERAL (
        SELECT least(highest.baseline_rate, coalesce(
            (SELECT f.upper_rate FROM unnest((baseline).families) AS f WHERE f.branch_family = _detector_rates.branch_family),
            (baseline).upper_rate
        )) AS rate
    ) AS baseline_rate
    -- With many signups every hour differs significantly from the others; that is no reason for an alarm.
    CROSS JOIN LATERAL (
        SELECT ghostwatch._alternative_rate(
            detector, baseline_rate.rate, (baseline).branch_ceiling, least(
                highest.tolerance,
                baseline_rate.rate + greatest(3 * (baseline).hour_deviation, (baseline).worst_hour_excess + (baseline).hour_deviation)
            )
        ) AS rate
    ) AS alternative_rate
    CROSS JOIN LATERAL ghostwatch._cusum_weights(baseline_rate.rate, alternative_rate.rate) AS weights
    -- The hours of the day that are always somewhat worse must not alarm every day.
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN (baseline).hour_deviation > 0 THEN ghostwatch._weight_scale(
                weights.violated, weights.healthy,
                baseline_rate.rate + least(
                    greatest(2 * (baseline).hour_deviation, (baseline).worst_hour_excess),
                    0.8 * (weights.tolerance - baseline_rate.rate)
                )
            )
            ELSE 1
        END AS factor
    ) AS scale
$_detector_rates$;

COMMENT ON FUNCTION ghostwatch._detector_rates(ghostwatch.drift_baseline, text, text) IS
'The rates p0 (baseline_rate) and p1 (alternative_rate) of a detector under a baseline, the weights of its trials in nats, and its tolerance.
branch_family: empty for all subjects; a family without a history is compared with all subjects.';
