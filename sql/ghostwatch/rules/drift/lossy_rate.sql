CREATE FUNCTION ghostwatch._lossy_rate(
    usual_rate double precision,
    loss double precision
)
RETURNS double precision
LANGUAGE sql
IMMUTABLE
STRICT
PARALLEL SAFE
BEGIN ATOMIC
    -- Who is not violated usually stays so only if not lost.
    SELECT 1 - (1 - usual_rate) * (1 - loss);
END;

COMMENT ON FUNCTION ghostwatch._lossy_rate(double precision, double precision) IS
'The rate of violations where, beyond the usual rate, a share of the other subjects is lost.';
