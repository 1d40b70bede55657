CREATE FUNCTION ghostwatch._repair_subject(
    clause ghostwatch._clause,
    repairing text,
    judging text,
    subject_key text,
    opened_at timestamptz
)
RETURNS text
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_repair_subject$
-- Calls the repair, and asks the clause whether it holds. What a repair that fails did is undone; constraints that wait for the
-- COMMIT are checked here, so that they fail as part of it.
-- The application's function runs here, with the rights of the contract's owner: @plpgsql_check_options: security_warnings = false
DECLARE
    outcome text;
    error_state text;
    error_message text;
BEGIN
    IF NOT ghostwatch._claim_repair(clause.invariant_id, subject_key, opened_at, ghostwatch._clock()) THEN
        RETURN NULL;
    END IF;

    BEGIN
        PERFORM ghostwatch._enter_search_path(clause.search_path);
        EXECUTE repairing USING ARRAY[subject_key];
        SET CONSTRAINTS ALL IMMEDIATE;
        PERFORM ghostwatch._leave_search_path();

        -- A subject that is gone lacks nothing.
        outcome := CASE
            WHEN (SELECT bool_and(j.satisfied) FROM unnest(ghostwatch._evaluate(clause, judging, ARRAY[subject_key])) AS j) IS FALSE
                THEN 'still broken'
            ELSE 'healed'
        END;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS
            error_state = RETURNED_SQLSTATE,
            error_message = MESSAGE_TEXT;
        outcome := 'failed';
    END;

    PERFORM ghostwatch._record_repair(clause.invariant_id, subject_key, opened_at, outcome, error_state, error_message);
    RETURN outcome;
END
$_repair_subject$;

COMMENT ON FUNCTION ghostwatch._repair_subject(ghostwatch._clause, text, text, text, timestamptz) IS
'Repairs one violation, to be committed by the caller. Returns healed, still broken or failed; NULL if it was repaired before.
repairing: the call of the repair for the keys $1, as SQL. judging: as ghostwatch._subject_query() gives it for keys; both are the same for every subject. opened_at: when the violation was opened.';
