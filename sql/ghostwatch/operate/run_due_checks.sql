CREATE PROCEDURE ghostwatch.run_due_checks(
    contract text DEFAULT NULL
)
LANGUAGE plpgsql
AS $run_due_checks$
-- Between two full runs: only the invariants for which something is due, and of these only what is due.
-- (No SET clause and no definer's rights: either would forbid the commits. So every name is qualified here.)
DECLARE
    run ghostwatch.check_run;
    due integer[];
    candidate integer;
    outcome ghostwatch._check_outcome;
BEGIN
    CALL ghostwatch._require_committing();
    IF NOT ghostwatch._installed_version_is('@version@') THEN
        RETURN;
    END IF;
    PERFORM ghostwatch._require_runnable(contract);
    IF ghostwatch._setting('paused')::boolean THEN
        RETURN;
    END IF;

    run.started_at := ghostwatch._clock();
    run.checks := 0;
    run.failures := 0;
    run.judged := 0;
    run.opened := 0;
    run.backlog := false;

    due := ARRAY(
        SELECT d.invariant_id
        FROM ghostwatch._due_checks(contract) AS d
        WHERE d.due_at OPERATOR(pg_catalog.<=) ghostwatch._clock()
        ORDER BY d.due_at
    );
    COMMIT;

    FOREACH candidate IN ARRAY due LOOP
        IF NOT ghostwatch._installed_version_is('@version@') THEN
            RETURN;
        END IF;
        outcome := ghostwatch._check_invariant(candidate, recheck => false, only_due => true);
        PERFORM ghostwatch._relax_commit();
        COMMIT;

        run.checks := run.checks OPERATOR(pg_catalog.+) 1;
        run.failures := run.failures OPERATOR(pg_catalog.+) (outcome.error_state IS NOT NULL)::integer;
        run.judged := run.judged OPERATOR(pg_catalog.+) coalesce(outcome.judged, 0);
        run.opened := run.opened OPERATOR(pg_catalog.+) coalesce(outcome.opened, 0);
        run.backlog := run.backlog OR coalesce(outcome.backlog, false);
        EXIT WHEN outcome.error_state OPERATOR(pg_catalog.=) '57014';
    END LOOP;

    IF run.checks OPERATOR(pg_catalog.>) 0 THEN
        PERFORM ghostwatch._finish_run(run.started_at, run.checks, run.failures, run.judged, run.opened, run.backlog);
        COMMIT;
    END IF;

    IF outcome.error_state OPERATOR(pg_catalog.=) '57014' THEN
        RAISE EXCEPTION USING ERRCODE = outcome.error_state, MESSAGE = outcome.error_message;
    END IF;
END
$run_due_checks$;

COMMENT ON PROCEDURE ghostwatch.run_due_checks (text) IS
'Checks what has become due since the last run, see ghostwatch.next_check_due(): between runs of ghostwatch.run_checks(), never instead of them.
contract: NULL for all of the calling role. Raises GW001 (no such contract), GW020 (it belongs to another role), GW022 (in a transaction block), GW023 (on a standby, or in a read-only transaction), 57014 (cancelled, after recording it).';
