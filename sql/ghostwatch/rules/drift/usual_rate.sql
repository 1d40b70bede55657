CREATE FUNCTION ghostwatch._usual_rate(
    baseline ghostwatch.drift_baseline,
    branch_family text
)
RETURNS double precision
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_usual_rate$
    -- The highest rate that is nothing new: the upper bound of the usual one, in the worst hour of the day. The promise
    -- about false alarms holds as long as the rate stays below it.
    SELECT least(
        0.9,
        coalesce(
            (SELECT f.upper_rate FROM unnest((baseline).families) AS f WHERE f.branch_family = _usual_rate.branch_family),
            (baseline).upper_rate
        ) + greatest(2 * (baseline).hour_deviation, (baseline).worst_hour_excess)
    )
$_usual_rate$;

COMMENT ON FUNCTION ghostwatch._usual_rate(ghostwatch.drift_baseline, text) IS
'The rate p0 that the rule drift takes to be usual at worst, for a branch family or, as an empty text, for all. Takes
the baseline and a branch family (one without a history, or '''' for all, is measured by all).';
