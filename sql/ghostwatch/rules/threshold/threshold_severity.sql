CREATE FUNCTION ghostwatch._threshold_severity(
    rule ghostwatch.invariant,
    violations bigint,
    due bigint,
    errors bigint,
    error_due bigint
)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_threshold_severity$
    -- One decision for check runs and replays.
    SELECT CASE
        WHEN violations < greatest((rule).min_count, (rule).min_rate * due) THEN NULL
        WHEN errors >= greatest((rule).min_count, (rule).min_rate * error_due) THEN 'error'
        ELSE 'warn'
    END
$_threshold_severity$;

COMMENT ON FUNCTION ghostwatch._threshold_severity(ghostwatch.invariant, bigint, bigint, bigint, bigint) IS
'The rule "threshold": error, warn or NULL (nothing is wrong), by how many of the subjects due are in violation, and how many of those past error_after are errors.';
