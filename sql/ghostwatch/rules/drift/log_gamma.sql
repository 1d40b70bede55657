CREATE FUNCTION ghostwatch._log_gamma(
    x double precision
)
RETURNS double precision
LANGUAGE sql
IMMUTABLE
STRICT
PARALLEL SAFE
BEGIN ATOMIC
    -- PostgreSQL has lgamma() only since version 18. Lanczos' approximation with g = 7 and nine terms: 15 digits.
    SELECT
        ln(2 * pi()) / 2 + (x - 0.5) * ln(x + 6.5) - (x + 6.5)
        + ln(
            0.99999999999980993
            + 676.5203681218851 / x
            - 1259.1392167224028 / (x + 1)
            + 771.32342877765313 / (x + 2)
            - 176.61502916214059 / (x + 3)
            + 12.507343278686905 / (x + 4)
            - 0.13857109526572012 / (x + 5)
            + 9.9843695780195716e-6 / (x + 6)
            + 1.5056327351493116e-7 / (x + 7)
        );
END;

COMMENT ON FUNCTION ghostwatch._log_gamma(double precision) IS
'The logarithm of the gamma function, for x > 0.';
