CREATE FUNCTION ghostwatch._detector_rates(
    baseline ghostwatch.drift_baseline,
    detector text,
    branch_family text,
    OUT usual double precision,
    OUT alternative_rate double precision,
    OUT ghost_weight double precision,
    OUT healthy_weight double precision,
    OUT tolerance double precision
)
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_detector_rates$
    -- What a detector takes to be usual, what it looks for, and what it makes of a trial.
    -- Takes the baseline, the detector and its branch family (empty for all; one without a history is measured by all).
    -- Returns the rates p0 and p1, the weight of a trial in violation and of a healthy one, and the tolerance.
    SELECT usual.rate, alternative_rate.rate, scale.factor * weights.ghost, scale.factor * weights.healthy, weights.tolerance
    -- A branch that reaches the ceiling is broken whatever the others do, so that its tolerance stays below the ceiling.
    FROM (
        SELECT
            CASE WHEN detector = 'branch' THEN 0.75 * (baseline).branch_ceiling ELSE 0.9 END AS usual,
            CASE WHEN detector = 'branch' THEN (baseline).branch_ceiling ELSE 0.95 END AS tolerance
    ) AS highest
    CROSS JOIN LATERAL (
        SELECT least(highest.usual, coalesce(
            (SELECT f.upper_rate FROM unnest((baseline).families) AS f WHERE f.branch_family = _detector_rates.branch_family),
            (baseline).upper_rate
        )) AS rate
    ) AS usual
    -- With many signups every hour differs significantly from the others; that is no news.
    CROSS JOIN LATERAL (
        SELECT ghostwatch._alternative_rate(
            detector, usual.rate, (baseline).branch_ceiling, least(
                highest.tolerance,
                usual.rate + greatest(3 * (baseline).hour_deviation, (baseline).worst_hour_excess + (baseline).hour_deviation)
            )
        ) AS rate
    ) AS alternative_rate
    CROSS JOIN LATERAL ghostwatch._cusum_weights(usual.rate, alternative_rate.rate) AS weights
    -- Nor may the hours of the day that are always somewhat worse alarm day after day.
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN (baseline).hour_deviation > 0 THEN ghostwatch._weight_scale(
                weights.ghost, weights.healthy,
                usual.rate + least(
                    greatest(2 * (baseline).hour_deviation, (baseline).worst_hour_excess),
                    0.8 * (weights.tolerance - usual.rate)
                )
            )
            ELSE 1
        END AS factor
    ) AS scale
$_detector_rates$;

COMMENT ON FUNCTION ghostwatch._detector_rates(ghostwatch.drift_baseline, text, text) IS
'The rates p0 and p1 of a detector under a baseline, the weights of its trials and its tolerance.';
