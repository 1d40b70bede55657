CREATE FUNCTION ghostwatch._after_healthy(
    evidence double precision,
    ratio double precision,
    trials integer
)
RETURNS double precision
LANGUAGE sql
IMMUTABLE
STRICT
PARALLEL SAFE
BEGIN ATOMIC
    -- The recursion R -> (1 + R) * ratio over a stretch of trials with the same likelihood ratio, as a geometric series.
    -- The exponent stays where exp() neither underflows nor overflows.
    SELECT
        series.fixed_point
        + (_after_healthy.evidence - series.fixed_point) * exp(greatest(-600, least(600, _after_healthy.trials * ln(_after_healthy.ratio))))
    FROM (SELECT _after_healthy.ratio / (1 - _after_healthy.ratio) AS fixed_point) AS series;
END;

COMMENT ON FUNCTION ghostwatch._after_healthy(double precision, double precision, integer) IS
'The Shiryaev-Roberts statistic R after so many healthy trials, each of which multiplies 1 + R by the same likelihood
ratio. Takes R, the ratio (above 0, not 1) and the length.';
