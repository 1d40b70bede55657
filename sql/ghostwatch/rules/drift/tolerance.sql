CREATE FUNCTION ghostwatch._tolerance(
    usual_rate double precision
)
RETURNS double precision
LANGUAGE sql
IMMUTABLE
STRICT
PARALLEL SAFE
BEGIN ATOMIC
    -- Where the smallest loss and none at all explain the trials equally well: the log-likelihood ratios of a violated and of a
    -- healthy trial balance.
    SELECT -weight.healthy / (weight.violated - weight.healthy)
    FROM (
        SELECT
            ln(1 - loss.smallest) AS healthy,
            ln(ghostwatch._lossy_rate(_tolerance.usual_rate, loss.smallest) / _tolerance.usual_rate) AS violated
        FROM (SELECT (ghostwatch._alternative_losses())[1] AS smallest) AS loss
    ) AS weight;
END;

COMMENT ON FUNCTION ghostwatch._tolerance(double precision) IS
'The rate below which the rule drift gathers no evidence, however long it lasts, given the usual rate (above 0, below 1).';
