CREATE FUNCTION ghostwatch._beta_binomial_upper(
    events bigint,
    trials bigint,
    alpha double precision,
    beta double precision
)
RETURNS double precision
LANGUAGE plpgsql
IMMUTABLE
STRICT
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_beta_binomial_upper$
-- Summed away from the mean, where the terms fall, so that small probabilities keep their digits.
DECLARE
    above_the_mean constant boolean := events > trials * alpha / (alpha + beta);
    k         bigint := CASE WHEN above_the_mean THEN events ELSE events - 1 END;
    log_first double precision;
    term      double precision := 1::double precision;
    total     double precision := 0::double precision;
    tail      double precision;
BEGIN
    IF events <= 0 THEN
        RETURN 1::double precision;
    END IF;

    -- The probability of exactly k, from which its neighbours follow by a ratio.
    log_first :=
        ghostwatch._log_gamma(trials + 1.0) - ghostwatch._log_gamma(k + 1.0) - ghostwatch._log_gamma(trials - k + 1.0)
        + ghostwatch._log_gamma(k + alpha) + ghostwatch._log_gamma(trials - k + beta) - ghostwatch._log_gamma(trials + alpha + beta)
        - ghostwatch._log_gamma(alpha) - ghostwatch._log_gamma(beta) + ghostwatch._log_gamma(alpha + beta);

    -- The tail that does not contain the mean is summed, until the terms are negligible.
    LOOP
        total := total + term;
        EXIT WHEN term < total * 1e-18 OR k = CASE WHEN above_the_mean THEN trials ELSE 0 END;
        IF above_the_mean THEN
            term := term * (trials - k) / (k + 1) * (k + alpha) / (trials - k - 1 + beta);
            k := k + 1;
        ELSE
            term := term * k / (trials - k + 1) * (trials - k + beta) / (k - 1 + alpha);
            k := k - 1;
        END IF;
    END LOOP;

    -- A tail too small for a double is 0.
    tail := CASE WHEN log_first + ln(total) < -700 THEN 0 ELSE least(exp(log_first + ln(total)), 1) END;
    RETURN CASE WHEN above_the_mean THEN tail ELSE 1 - tail END;
END
$_beta_binomial_upper$;

COMMENT ON FUNCTION ghostwatch._beta_binomial_upper(bigint, bigint, double precision, double precision) IS
'The upper tail P(X >= events) of the beta-binomial distribution:
the probability of at least so many events in so many trials whose rate has a beta distribution with the parameters alpha and beta (1 or more each).';
