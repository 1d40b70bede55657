CREATE FUNCTION ghostwatch._record_failure(
    invariant_id integer,
    as_of timestamptz,
    error_state text,
    error_message text,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_record_failure$
BEGIN
    PERFORM ghostwatch._require_own_invariant(invariant_id, credential);

    UPDATE ghostwatch.check_progress AS p
    SET failing_since = coalesce(p.failing_since, as_of),
        last_error = error_message,
        last_error_state = error_state
    WHERE p.invariant_id = _record_failure.invariant_id;

    BEGIN
        PERFORM ghostwatch._decide_alerts(invariant_id, as_of);
    EXCEPTION
        -- Perhaps the alerts failed. Then the status and the doctor report it, and the run goes on.
        WHEN OTHERS THEN
            RAISE WARNING 'no alert could be made of the failing check of invariant %: %',
                (SELECT quote_literal(i.name) FROM ghostwatch.invariant AS i WHERE i.invariant_id = _record_failure.invariant_id),
                SQLERRM
                USING ERRCODE = SQLSTATE;
    END;
END
$_record_failure$;

COMMENT ON FUNCTION ghostwatch._record_failure(integer, timestamptz, text, text, uuid) IS
'Records that the check of an invariant failed, and decides the alert about that. Takes the invariant, the time of the
run and the error.';
