CREATE FUNCTION ghostwatch._cusum_weights(
    baseline_rate double precision,
    alternative_rate double precision,
    OUT violated double precision,
    OUT healthy double precision,
    OUT tolerance double precision
)
LANGUAGE sql
IMMUTABLE
STRICT
PARALLEL SAFE
BEGIN ATOMIC
    -- Log-likelihood ratios. At the tolerance both weights balance, so below it the statistic stays near 0.
    SELECT
        ln(alternative_rate / baseline_rate),
        ln((1 - alternative_rate) / (1 - baseline_rate)),
        -ln((1 - alternative_rate) / (1 - baseline_rate)) / (ln(alternative_rate / baseline_rate) - ln((1 - alternative_rate) / (1 - baseline_rate)));
END;

COMMENT ON FUNCTION ghostwatch._cusum_weights(double precision, double precision) IS
'Weights, in nats, of a trial in violation (above 0) and of a healthy one (below 0),
for a test of baseline_rate against alternative_rate (0 < baseline_rate < alternative_rate < 1), and the tolerance: below this rate the test gives no alarm.';
