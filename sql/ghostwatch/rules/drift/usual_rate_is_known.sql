CREATE FUNCTION ghostwatch._usual_rate_is_known(
    baseline ghostwatch.drift_baseline
)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_usual_rate_is_known$
    -- As many trials as the declared expected_rate is worth.
    SELECT coalesce((baseline).due >= 100, false)
$_usual_rate_is_known$;

COMMENT ON FUNCTION ghostwatch._usual_rate_is_known(ghostwatch.drift_baseline) IS
'Whether a baseline rests on enough trials to say what is usual; false for NULL.';
