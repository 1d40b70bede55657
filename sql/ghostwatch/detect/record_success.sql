CREATE FUNCTION ghostwatch._record_success(
    invariant_id integer,
    as_of timestamptz,
    problem_state text,
    problem text,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_record_success$
-- The check went through; a trigger that does not work, or a subject that cannot be judged, is a problem all the same.
BEGIN
    PERFORM ghostwatch._require_own_invariant(invariant_id, credential);

    UPDATE ghostwatch.check_progress AS p
    SET last_success_at = as_of,
        failing_since = CASE WHEN problem_state IS NOT NULL THEN coalesce(p.failing_since, as_of) END,
        last_error = problem,
        last_error_state = problem_state
    WHERE p.invariant_id = _record_success.invariant_id;
END
$_record_success$;

COMMENT ON FUNCTION ghostwatch._record_success(integer, timestamptz, text, text, uuid) IS
'Records that the check of an invariant succeeded, and the problem that it found with triggers or single subjects (or NULL). Raises GW008 (belongs to another role).';
