CREATE FUNCTION ghostwatch._loss_severity(
    loss double precision
)
RETURNS text
LANGUAGE sql
IMMUTABLE
STRICT
PARALLEL SAFE
BEGIN ATOMIC
    -- An outage differs from a rate that has risen: a third of those who would have had their row, or more, are lost.
    SELECT CASE WHEN loss < 1 / 3.0 THEN 'warn' ELSE 'error' END;
END;

COMMENT ON FUNCTION ghostwatch._loss_severity(double precision) IS
'The severity of an alert of the rule drift, warn or error, by the share of subjects that is lost.';
