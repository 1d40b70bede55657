CREATE FUNCTION ghostwatch._check_invariant(
    invariant_id integer,
    recheck boolean,
    only_due boolean DEFAULT false
)
RETURNS ghostwatch._check_outcome
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_check_invariant$
DECLARE
    as_of timestamptz;
    clause ghostwatch._clause;
    outcome ghostwatch._check_outcome;
    problem_state text;
    problem text;
    progress ghostwatch.check_progress;
    unjudged text[];
BEGIN
    progress := ghostwatch._lock_progress(invariant_id);
    IF progress.invariant_id IS NULL THEN
        RETURN NULL;
    END IF;

    -- Read after the lock was had, so that time never runs backwards from one check to the next.
    as_of := ghostwatch._clock();
    SELECT c.* INTO clause FROM ghostwatch._clause AS c WHERE c.invariant_id = _check_invariant.invariant_id;

    BEGIN
        PERFORM set_config('lock_timeout', extract(epoch FROM ghostwatch._setting('lock_wait')::interval) * 1000 || 'ms', true);

        PERFORM ghostwatch._find_relations(invariant_id);
        SELECT c.* INTO clause FROM ghostwatch._clause AS c WHERE c.invariant_id = _check_invariant.invariant_id;

        -- Says in plain words what a query on a dropped table would say with a number.
        PERFORM ghostwatch._column_type(
            clause.subject, CASE WHEN clause.born_at_expression IS NULL THEN clause.born_at_column ELSE clause.key_columns[1] END
        );
        PERFORM ghostwatch._column_type(clause.related, k.name) FROM unnest(clause.related_key_columns) AS k (name);

        IF clause.capture THEN
            PERFORM ghostwatch._take_up_failures(clause.contract_id, as_of);
        END IF;
        -- A few are looked at again whatever is due, so that an alert counts nobody who has recovered.
        IF recheck
            OR progress.last_error_state = 'GW024'
            OR ghostwatch._next_recheck_due(clause, progress.last_success_at) <= as_of
            OR (only_due AND NOT clause.breaks_later AND ghostwatch._few_are_open(invariant_id))
        THEN
            unjudged := ghostwatch._recheck_violations(clause, as_of);
        END IF;
        SELECT a.judged, a.opened, a.backlog, unjudged || a.failing_keys
        INTO outcome.judged, outcome.opened, outcome.backlog, unjudged
        FROM ghostwatch._judge_arrivals(clause, as_of, only_due) AS a;

        -- Reported once per contract: by its first invariant.
        IF invariant_id = (SELECT min(i.invariant_id) FROM ghostwatch.invariant AS i WHERE i.contract_id = clause.contract_id) THEN
            BEGIN
                PERFORM ghostwatch._require_triggers(clause.contract_id, as_of);
            EXCEPTION
                WHEN SQLSTATE 'GW077' THEN
                    problem_state := SQLSTATE;
                    problem := SQLERRM;
            END;
        END IF;

        IF unjudged <> '{}' THEN
            problem_state := 'GW024';
            problem := format(
                '%s cannot be judged, since an expression fails: %s',
                ghostwatch._pluralize(cardinality(unjudged), 'subject'), array_to_string(unjudged[1:5], ', ')
            );
        END IF;

        PERFORM ghostwatch._record_success(invariant_id, as_of, problem_state, problem);
        PERFORM ghostwatch._decide_alerts(invariant_id, as_of);
    EXCEPTION
        -- Whatever is wrong with this invariant must not cost the others their check.
        WHEN OTHERS OR query_canceled THEN
            outcome := NULL;
            GET STACKED DIAGNOSTICS
                outcome.error_state = RETURNED_SQLSTATE,
                outcome.error_message = MESSAGE_TEXT;
            -- A migration, most of the time: nothing is wrong with the data, and whoever waits wants to know for whom.
            IF outcome.error_state = '55P03' THEN
                outcome.error_message := 'waiting for '
                    || coalesce(ghostwatch._lock_holders(ARRAY[clause.subject, clause.related], 'AccessShareLock'), 'a lock on a table');
            END IF;
            PERFORM ghostwatch._record_failure(
                invariant_id, as_of, outcome.error_state, outcome.error_message
            );
    END;

    RETURN outcome;
END
$_check_invariant$;

COMMENT ON FUNCTION ghostwatch._check_invariant(integer, boolean, boolean) IS
'One check of one invariant: re-checks open violations if recheck is true or one of them is due, judges what has become due, decides the alerts. The caller commits it.
only_due: who came late, and was due before the last check, is left to the next run.
NULL if somebody else is at it; an error is recorded, not raised.';
