CREATE FUNCTION ghostwatch._check_invariant(
    invariant_id integer,
    recheck boolean
) RETURNS ghostwatch._check_outcome
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_check_invariant$
-- One check of one invariant, to be committed by the caller: look again at what is open (recheck), judge what has
-- become due, decide the alerts. Returns NULL if somebody else is at it. An error is recorded, not raised.
DECLARE
    as_of timestamptz;
    clause ghostwatch._clause;
    outcome ghostwatch._check_outcome;
BEGIN
    PERFORM FROM ghostwatch.check_progress AS p
    WHERE p.invariant_id = _check_invariant.invariant_id
    FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;

    -- Read after the lock was had, so that time never runs backwards from one check to the next.
    as_of := ghostwatch._clock();
    SELECT c.* INTO clause FROM ghostwatch._clause AS c WHERE c.invariant_id = _check_invariant.invariant_id;

    BEGIN
        PERFORM set_config('lock_timeout', extract(epoch FROM ghostwatch._setting('lock_wait')::interval) * 1000 || 'ms', true);

        -- Says in plain words what a query on a dropped table would say with a number.
        PERFORM ghostwatch._column_type(clause.subject, clause.born_at_column);
        PERFORM ghostwatch._column_type(clause.related, clause.related_key_column);

        IF recheck THEN
            PERFORM ghostwatch._recheck_violations(clause, as_of);
        END IF;
        SELECT a.judged, a.opened, a.backlog
        INTO outcome.judged, outcome.opened, outcome.backlog
        FROM ghostwatch._judge_arrivals(clause, as_of) AS a;

        UPDATE ghostwatch.check_progress AS p
        SET last_success_at = as_of, failing_since = NULL, last_error = NULL, last_error_state = NULL
        WHERE p.invariant_id = _check_invariant.invariant_id;

        PERFORM ghostwatch._decide_alerts(invariant_id, as_of);
    EXCEPTION
        -- Whatever is wrong with this invariant must not cost the others their check.
        WHEN OTHERS OR query_canceled THEN
            outcome := NULL;
            GET STACKED DIAGNOSTICS
                outcome.error_state = RETURNED_SQLSTATE,
                outcome.error_message = MESSAGE_TEXT;
            PERFORM ghostwatch._record_failure(
                invariant_id, as_of, outcome.error_state, outcome.error_message
            );
    END;

    RETURN outcome;
END
$_check_invariant$;

COMMENT ON FUNCTION ghostwatch._check_invariant(integer, boolean) IS
'One check of one invariant: re-checks open violations if recheck is true, judges what has become due, decides the alerts.
NULL if somebody else is at it; an error is recorded, not raised.';
