CREATE FUNCTION ghostwatch._new_detector(
    invariant_id integer,
    detector text,
    branch_family text
)
RETURNS ghostwatch.drift_detector
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_new_detector$
    -- By name, so that a new column of the table needs no change here.
    SELECT jsonb_populate_record(
        NULL::ghostwatch.drift_detector,
        jsonb_build_object(
            'invariant_id', invariant_id, 'detector', detector, 'branch_family', branch_family,
            'trials_seen', 0, 'score', 0, 'minimum_at', 0, 'recovery', 0
        )
    )
$_new_detector$;

COMMENT ON FUNCTION ghostwatch._new_detector(integer, text, text) IS
'A detector of the rule drift that has seen no trial yet. branch_family: empty for all subjects.';
