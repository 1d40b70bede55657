CREATE FUNCTION ghostwatch._repair_subject(
    clause ghostwatch._clause,
    repairing text,
    subject_key text,
    opened_at timestamptz
)
RETURNS text
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_repair_subject$
-- What a repair that fails did is undone. Constraints that wait for the COMMIT are checked here, so that they fail as a
-- part of it.
-- The application's function runs here, with the rights of the contract's owner: @plpgsql_check_options: security_warnings = false
DECLARE
    error_state text;
    error_message text;
BEGIN
    BEGIN
        IF NOT ghostwatch._claim_repair(clause.invariant_id, subject_key, opened_at, ghostwatch._clock()) THEN
            RETURN NULL;
        END IF;
        PERFORM set_config('lock_timeout', extract(epoch FROM ghostwatch._setting('lock_wait')::interval) * 1000 || 'ms', true);
        PERFORM ghostwatch._enter_search_path(clause.search_path);
        EXECUTE repairing USING ARRAY[subject_key];
        SET CONSTRAINTS ALL IMMEDIATE;
    EXCEPTION
        -- The application is at it: the repair counts as not called.
        WHEN lock_not_available OR deadlock_detected OR serialization_failure THEN
            RETURN NULL;
        -- A cancellation, too: a repair that never ends must not be called again by the next run.
        WHEN OTHERS OR query_canceled OR assert_failure THEN
            GET STACKED DIAGNOSTICS
                error_state = RETURNED_SQLSTATE,
                error_message = MESSAGE_TEXT;
    END;
    PERFORM ghostwatch._leave_search_path();

    IF error_state IS NOT NULL AND ghostwatch._claim_repair(clause.invariant_id, subject_key, opened_at, ghostwatch._clock()) THEN
        PERFORM ghostwatch._record_repairs(clause.invariant_id, ARRAY[subject_key], 'failed', error_state, error_message);
    END IF;

    RETURN coalesce(error_state, '00000');
END
$_repair_subject$;

COMMENT ON FUNCTION ghostwatch._repair_subject(ghostwatch._clause, text, text, timestamptz) IS
'Calls the repair of one violation, to be committed by the caller.
Returns the SQLSTATE that it ended with, 00000 if it returned; NULL if it was called before, or if the application held a lock for too long.
repairing: the call of the repair for the keys $1, as SQL. opened_at: when the violation was opened.';
