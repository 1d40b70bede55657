CREATE FUNCTION ghostwatch._arms(
    invariant_id integer
) RETURNS ghostwatch.drift_arm[]
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_arms$
    -- The arms of an invariant as they stand.
    SELECT coalesce(array_agg(a), '{}')
    FROM ghostwatch.drift_arm AS a
    WHERE a.invariant_id = _arms.invariant_id
$_arms$;

COMMENT ON FUNCTION ghostwatch._arms(integer) IS
'The arms of an invariant under the rule drift as they stand.';
