CREATE FUNCTION ghostwatch._wilson_upper(
    events double precision,
    trials double precision
)
RETURNS double precision
LANGUAGE sql
IMMUTABLE
STRICT
PARALLEL SAFE
BEGIN ATOMIC
    -- z is the 90th percentile of the normal distribution. events may be a fraction: a prior counts for a number of trials.
    SELECT
        CASE
            WHEN trials <= 0 THEN 1.0
            ELSE
                (
                    events / trials + z * z / (2 * trials)
                    + z * sqrt(events * (trials - events) / trials ^ 3 + z * z / (4 * trials * trials))
                ) / (1 + z * z / trials)
        END
    FROM (VALUES (1.2815515655446004::double precision)) AS percentile (z);
END;

COMMENT ON FUNCTION ghostwatch._wilson_upper(double precision, double precision) IS
'Wilson''s one-sided upper 90 % bound of a rate, from events among trials; 1 without trials.';
