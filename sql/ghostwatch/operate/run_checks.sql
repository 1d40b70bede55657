CREATE PROCEDURE ghostwatch.run_checks(
    contract text DEFAULT NULL,
    stay_for interval DEFAULT NULL
)
LANGUAGE plpgsql
AS $run_checks$
-- Commits after each invariant, so that a slow or broken one delays no other. A backlog is processed in rounds until the
-- run's budget is used up. Any number of runs may overlap. With stay_for it goes on until the next run is to begin, by the
-- clock on the wall, and checks what becomes due.
-- (No SET clause and no definer's rights: either would forbid the commits. So every name is qualified here.)
DECLARE
    run ghostwatch.check_run;
    budget_ends_at pg_catalog.timestamptz;
    candidate integer;
    outcome ghostwatch._check_outcome;
    was_cancelled pg_catalog.bool := false;
    done integer[] := ARRAY[]::integer[];
    waiting integer[] := ARRAY[]::integer[];
    rechecked integer[] := ARRAY[]::integer[];
    stays_until constant pg_catalog.timestamptz := ghostwatch._stays_until(stay_for);
BEGIN
    CALL ghostwatch._require_committing();
    PERFORM ghostwatch._require_runnable(contract);
    IF NOT ghostwatch._installed_version_is('@version@') OR ghostwatch._setting('paused')::boolean THEN
        RETURN;
    END IF;

    run.started_at := ghostwatch._clock();
    run.checks := 0;
    run.failures := 0;
    run.judged := 0;
    run.opened := 0;

    -- Before anything is checked: afterwards nothing would show how long no check ran.
    PERFORM ghostwatch._decide_checks_stopped_now();
    budget_ends_at := pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) ghostwatch._setting('run_budget')::interval;

    LOOP
        -- An upgrade ends the run: the next one has the new functions from the start.
        IF NOT ghostwatch._installed_version_is('@version@') THEN
            RETURN;
        END IF;
        candidate := ghostwatch._next_invariant(contract, done OPERATOR(pg_catalog.||) waiting);
        IF candidate IS NULL THEN
            EXIT WHEN waiting OPERATOR(pg_catalog.=) '{}' OR pg_catalog.clock_timestamp() OPERATOR(pg_catalog.>) budget_ends_at;
            waiting := ARRAY[]::integer[];
            CONTINUE;
        END IF;

        PERFORM ghostwatch._relax_commit();
        COMMIT;

        IF NOT ghostwatch._installed_version_is('@version@') THEN
            RETURN;
        END IF;
        outcome := ghostwatch._check_invariant(candidate, recheck => candidate OPERATOR(pg_catalog.<>) ALL (rechecked));
        PERFORM ghostwatch._relax_commit();
        COMMIT;

        IF outcome.backlog THEN
            waiting := waiting OPERATOR(pg_catalog.||) candidate;
        ELSE
            done := done OPERATOR(pg_catalog.||) candidate;
        END IF;
        rechecked := rechecked OPERATOR(pg_catalog.||) candidate;
        run.checks := run.checks OPERATOR(pg_catalog.+) 1;
        run.failures := run.failures OPERATOR(pg_catalog.+) (outcome.error_state IS NOT NULL)::integer;
        run.judged := run.judged OPERATOR(pg_catalog.+) coalesce(outcome.judged, 0);
        run.opened := run.opened OPERATOR(pg_catalog.+) coalesce(outcome.opened, 0);

        IF outcome.error_state IS NULL AND NOT outcome.backlog THEN
            CALL ghostwatch._repair_in_run(candidate, budget_ends_at, was_cancelled);
        END IF;

        -- A cancelled run ends here; the next one starts with the other invariants.
        EXIT WHEN was_cancelled OR outcome.error_state OPERATOR(pg_catalog.=) '57014';
    END LOOP;

    PERFORM ghostwatch._finish_run(
        run.started_at, run.checks, run.failures, run.judged, run.opened, waiting OPERATOR(pg_catalog.<>) '{}'
    );
    COMMIT;

    IF was_cancelled THEN
        RAISE EXCEPTION 'a repair was cancelled'
            USING ERRCODE = '57014',
                  HINT = 'SELECT * FROM ghostwatch.repair_history WHERE error_state = ''57014''';
    ELSIF outcome.error_state OPERATOR(pg_catalog.=) '57014' THEN
        RAISE EXCEPTION USING ERRCODE = outcome.error_state, MESSAGE = outcome.error_message;
    END IF;

    -- Where more is waiting than a run may take, the next one goes on.
    IF waiting OPERATOR(pg_catalog.=) '{}' THEN
        CALL ghostwatch._stay(contract, stays_until);
    END IF;
END
$run_checks$;

COMMENT ON PROCEDURE ghostwatch.run_checks (text, interval) IS
'Checks the invariants of the calling role''s contracts (or of one of them), each in a transaction of its own.
To be called by pg_cron, the sidecar or by hand, outside a transaction block.
contract: NULL for all. stay_for: the period of a schedule; the run then stays until the period is over, and checks again exactly when something is due (NULL: it ends at once). Raises GW001 (no such contract), GW020 (it belongs to another role), GW022 (in a transaction block), GW023 (on a standby, or in a read-only transaction), GW062 (no period to stay for), 57014 (cancelled, after recording it).';
