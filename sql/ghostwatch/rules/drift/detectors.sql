CREATE FUNCTION ghostwatch._detectors(
    invariant_id integer
)
RETURNS ghostwatch.drift_detector[]
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_detectors$
    -- As one array, which the replay has without a table.
    SELECT coalesce(array_agg(a), '{}')
    FROM ghostwatch.drift_detector AS a
    WHERE a.invariant_id = _detectors.invariant_id
$_detectors$;

COMMENT ON FUNCTION ghostwatch._detectors(integer) IS
'The detectors of an invariant under the rule drift, as they are recorded.';
