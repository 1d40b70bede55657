CREATE FUNCTION ghostwatch._weight_scale(
    ghost double precision,
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
-- What to multiply the weights of a detector by, so that a rate somewhat above the usual one, that lasts, alarms no more often
-- than the threshold promises: by chance, one trial in e^h begins a climb to h.
-- Takes the weights and the rate: from the one that the weights take to be usual (then it is 1) to below the tolerance.
-- Returns the root above 0 of rate * e^(scale * ghost) + (1 - rate) * e^(scale * healthy) = 1, by bisection.
DECLARE
    lower  double precision := 0::double precision;
    upper  double precision := 1::double precision;
    middle double precision;
BEGIN
    FOR step IN 1..50 LOOP
        middle := (lower + upper) / 2;
        IF rate * exp(middle * ghost) + (1 - rate) * exp(middle * healthy) < 1 THEN
            lower := middle;
        ELSE
            upper := middle;
        END IF;
    END LOOP;

    RETURN upper;
END
$_weight_scale$;

COMMENT ON FUNCTION ghostwatch._weight_scale(double precision, double precision, double precision) IS
'The factor for the weights of a detector that lets a rate between the usual one and the tolerance last without more false alarms.';
