CREATE FUNCTION ghostwatch._alternative_rate(
    detector text,
    usual double precision,
    branch_ceiling double precision,
    quiet_below double precision
)
RETURNS double precision
LANGUAGE plpgsql
IMMUTABLE
STRICT
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_alternative_rate$
-- The rate that a detector looks for.
-- Takes the detector (slow, outage or branch), the usual rate (at most 0.9, of a branch below the ceiling), the ceiling of a branch,
-- and the rate up to which the detector must stay quiet.
-- Returns a rate above all of these whose tolerance is at least quiet_below.
DECLARE
    highest CONSTANT double precision := 0.999::double precision;
    lower  double precision;
    upper  double precision := highest;
    middle double precision;
BEGIN
    lower := CASE detector
        WHEN 'slow' THEN least(0.95, greatest(2 * usual, usual + 0.15))
        -- Half the way to 1 where the usual rate is already so high that the fixed rates would not lie above it.
        WHEN 'outage' THEN greatest(CASE WHEN usual < 0.3 THEN 0.8 ELSE 0.9 END, (1 + usual) / 2)
        WHEN 'branch' THEN least(0.95, branch_ceiling)
    END;

    -- The tolerance grows with the rate alternative_rate; bisection finds the lowest one whose tolerance is high enough.
    IF (ghostwatch._cusum_weights(usual, lower)).tolerance < quiet_below THEN
        FOR step IN 1..50 LOOP
            middle := (lower + upper) / 2;
            IF (ghostwatch._cusum_weights(usual, middle)).tolerance < quiet_below THEN
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
'The rate that a detector of the rule drift looks for, given the usual rate, a branch''s ceiling and the rate up to which it must stay quiet.';
