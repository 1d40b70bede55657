CREATE FUNCTION ghostwatch._alternative_rate(
    detector text,
    baseline_rate double precision,
    branch_ceiling double precision,
    lowest_tolerance double precision
)
RETURNS double precision
LANGUAGE plpgsql
IMMUTABLE
STRICT
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_alternative_rate$
-- The fixed rates suit ordinary signups; where hours differ much, the tolerance has to be higher.
DECLARE
    highest constant double precision := 0.999::double precision;
    lower  double precision;
    upper  double precision := highest;
    middle double precision;
BEGIN
    lower := CASE detector
        WHEN 'slow' THEN least(0.95, greatest(2 * baseline_rate, baseline_rate + 0.15))
        -- Halfway to 1 where the baseline rate is so high that the fixed rates do not lie above it.
        WHEN 'outage' THEN greatest(CASE WHEN baseline_rate < 0.3 THEN 0.8 ELSE 0.9 END, (1 + baseline_rate) / 2)
        WHEN 'branch' THEN least(0.95, branch_ceiling)
    END;

    -- The tolerance grows with the alternative rate; bisection finds the lowest one whose tolerance is high enough.
    IF (ghostwatch._cusum_weights(baseline_rate, lower)).tolerance < lowest_tolerance THEN
        FOR step IN 1..50 LOOP
            middle := (lower + upper) / 2;
            IF (ghostwatch._cusum_weights(baseline_rate, middle)).tolerance < lowest_tolerance THEN
                lower := middle;
            ELSE
                upper := middle;
            END IF;
        END LOOP;
        RETURN upper;
    END IF;

    RETURN lower;
END
$_alternative_rate$;

COMMENT ON FUNCTION ghostwatch._alternative_rate(text, double precision, double precision, double precision) IS
'The rate that a detector tests baseline_rate against:
above baseline_rate (at most 0.9, for the detector branch below branch_ceiling), and such that the tolerance is at least lowest_tolerance. detector: slow, outage or branch.';
