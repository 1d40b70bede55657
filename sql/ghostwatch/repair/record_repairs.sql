CREATE FUNCTION ghostwatch._record_repairs(
    invariant_id integer,
    subject_keys text[],
    outcome text,
    error_state text DEFAULT NULL,
    error_message text DEFAULT NULL,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS integer
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_record_repairs$
DECLARE
    recorded integer;
BEGIN
    PERFORM ghostwatch._require_own_invariant(_record_repairs.invariant_id, credential);

    -- The message is as long as the application makes it.
    UPDATE ghostwatch.repair_attempt AS a
    SET
        outcome = _record_repairs.outcome,
        error_state = _record_repairs.error_state,
        error_message = left(_record_repairs.error_message, 1000)
    WHERE a.invariant_id = _record_repairs.invariant_id
        AND a.subject_key = ANY (_record_repairs.subject_keys)
        AND a.outcome = 'unverified';
    GET DIAGNOSTICS recorded = ROW_COUNT;
    RETURN recorded;
END
$_record_repairs$;

COMMENT ON FUNCTION ghostwatch._record_repairs(integer, text[], text, text, text, uuid) IS
'Records what became of repairs that were begun; returns how many. Raises GW008, GW061.';
