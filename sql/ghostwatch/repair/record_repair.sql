CREATE FUNCTION ghostwatch._record_repair(
    invariant_id integer,
    subject_key text,
    opened_at timestamptz,
    outcome text,
    error_state text,
    error_message text,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_record_repair$
    -- In the transaction of the repair, so that neither stands without the other.
    SELECT ghostwatch._require_own_invariant(_record_repair.invariant_id, _record_repair.credential);

    UPDATE ghostwatch.repair_attempt AS a
    SET
        outcome = _record_repair.outcome,
        error_state = _record_repair.error_state,
        error_message = _record_repair.error_message
    WHERE a.invariant_id = _record_repair.invariant_id
        AND a.subject_key = _record_repair.subject_key
        AND a.opened_at = _record_repair.opened_at
        AND a.outcome IS NULL
$_record_repair$;

COMMENT ON FUNCTION ghostwatch._record_repair(integer, text, timestamptz, text, text, text, uuid) IS
'Records what became of a repair that was begun. Raises GW008, GW061.';
