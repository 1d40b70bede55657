CREATE FUNCTION ghostwatch._cusum_weights(
    usual double precision,
    alternative_rate double precision,
    OUT ghost double precision,
    OUT healthy double precision,
    OUT tolerance double precision
)
LANGUAGE sql
IMMUTABLE
STRICT
PARALLEL SAFE
BEGIN ATOMIC
    -- What one trial says about "the rate has moved from usual to alternative_rate": its log-likelihood ratio.
    -- Takes two rates, 0 < usual < alternative_rate < 1.
    -- Returns the weight of a trial in violation (above 0) and of a healthy one (below 0), in nats, and the tolerance:
    -- the rate at which both balance, so that any lower rate stays quiet.
    SELECT
        ln(alternative_rate / usual),
        ln((1 - alternative_rate) / (1 - usual)),
        -ln((1 - alternative_rate) / (1 - usual)) / (ln(alternative_rate / usual) - ln((1 - alternative_rate) / (1 - usual)));
END;

COMMENT ON FUNCTION ghostwatch._cusum_weights(double precision, double precision) IS
'Weights of a violated and a healthy trial, in nats, when looking for a move from one rate to another, and the rate below which the detector stays quiet.';
