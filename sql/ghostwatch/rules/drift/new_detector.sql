CREATE FUNCTION ghostwatch._new_arm(
    invariant_id integer,
    arm text,
    branch_family text
) RETURNS ghostwatch.drift_arm
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_new_arm$
    -- An arm that has seen nothing yet.
    -- Takes the invariant, the kind of arm and the branch family, empty for all.
    SELECT jsonb_populate_record(
        NULL::ghostwatch.drift_arm,
        jsonb_build_object(
            'invariant_id', invariant_id, 'arm', arm, 'branch_family', branch_family,
            'trials_seen', 0, 'score', 0, 'minimum_at', 0, 'recovery', 0
        )
    )
$_new_arm$;

COMMENT ON FUNCTION ghostwatch._new_arm(integer, text, text) IS
'An arm of the rule drift that has seen nothing yet.';
