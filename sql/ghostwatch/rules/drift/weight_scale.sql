CREATE FUNCTION ghostwatch._weight_scale(
    violated double precision,
    healthy double precision,
    rate double precision
)
RETURNS double precision
LANGUAGE plpgsql
IMMUTABLE
STRICT
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_weight_scale$
-- Some hours of the day are always somewhat worse. With the weights scaled by this factor, such a rate, if it lasts, alarms no more
-- often than the threshold allows: one trial in e^h starts a climb to h. The factor is the root above 0 of
-- rate * e^(factor * violated) + (1 - rate) * e^(factor * healthy) = 1, found by bisection.
DECLARE
    lower  double precision := 0::double precision;
    upper  double precision := 1::double precision;
    middle double precision;
BEGIN
    FOR step IN 1..50 LOOP
        middle := (lower + upper) / 2;
        IF rate * exp(middle * violated) + (1 - rate) * exp(middle * healthy) < 1 THEN
            lower := middle;
        ELSE
            upper := middle;
        END IF;
    END LOOP;

    RETURN upper;
END
$_weight_scale$;

COMMENT ON FUNCTION ghostwatch._weight_scale(double precision, double precision, double precision) IS
'The factor for the weights of a detector by which a rate between the baseline rate and the tolerance gives no more false alarms than the baseline rate. 1 at the baseline rate.';
