CREATE FUNCTION ghostwatch._detectors(
    invariant_id integer
)
RETURNS ghostwatch.drift_detector[]
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_detectors$
    -- The detectors of an invariant as they stand.
    SELECT coalesce(array_agg(a), '{}')
    FROM ghostwatch.drift_detector AS a
    WHERE a.invariant_id = _detectors.invariant_id
$_detectors$;

COMMENT ON FUNCTION ghostwatch._detectors(integer) IS
'The detectors of an invariant under the rule drift as they stand.';
