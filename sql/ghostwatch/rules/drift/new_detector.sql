CREATE FUNCTION ghostwatch._new_detector(
    invariant_id integer,
    branch_family text
)
RETURNS ghostwatch.drift_detector
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_new_detector$
    -- A detector as it begins, and as it stands while it is raised.
    SELECT ROW(
        _new_detector.invariant_id, _new_detector.branch_family, 0,
        array_fill(0::double precision, alternative.places), array_fill(0::double precision, alternative.places),
        array_fill(NULL::timestamptz, alternative.places),
        NULL, NULL, NULL, NULL, 0, NULL
    )::ghostwatch.drift_detector
    FROM (SELECT ARRAY[cardinality(ghostwatch._alternative_losses())] AS places) AS alternative
$_new_detector$;

COMMENT ON FUNCTION ghostwatch._new_detector(integer, text) IS
'A detector of the rule drift that has seen nothing yet.';
