CREATE FUNCTION ghostwatch._due_checks(
    contract text
)
RETURNS TABLE (
    invariant_id integer,
    due_at timestamptz,
    look_again_at timestamptz
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $_due_checks$
-- What is due lies in rows that are there already; only who signs up from now on cannot be seen yet, and is due after
-- the deadline at the earliest: by then somebody looks again.
DECLARE
    as_of constant timestamptz := ghostwatch._clock();
    clause ghostwatch._clause;
    progress ghostwatch.check_progress;
    everybody boolean;
    gap record;
BEGIN
    FOR clause IN
        SELECT c.*
        FROM ghostwatch._clause AS c
        WHERE c.owner = quote_ident(current_user)::regrole
            AND (_due_checks.contract IS NULL OR c.contract = _due_checks.contract)
        ORDER BY c.invariant_id
    LOOP
        SELECT p.* INTO progress FROM ghostwatch.check_progress AS p WHERE p.invariant_id = clause.invariant_id;
        invariant_id := clause.invariant_id;
        look_again_at := as_of + clause.deadline;

        -- A check that fails is tried again by the next run, not sooner.
        IF progress.failing_since IS NOT NULL AND progress.last_error_state NOT IN ('GW024', 'GW077') THEN
            due_at := ghostwatch._next_alert_due(clause.invariant_id, progress.last_attempt_at);
            RETURN NEXT;
            CONTINUE;
        END IF;
        IF progress.last_success_at IS NULL OR progress.catching_up_since IS NOT NULL THEN
            due_at := as_of;
            RETURN NEXT;
            CONTINUE;
        END IF;

        -- While something is wrong by the share or the evidence of all, those that have their row decide when it ends.
        everybody := EXISTS (
            SELECT
            FROM ghostwatch.alert AS a
            INNER JOIN ghostwatch.invariant AS i ON i.invariant_id = a.invariant_id
            WHERE a.invariant_id = clause.invariant_id
                AND a.state = 'firing'
                AND a.kind IN ('violations', 'no_signups')
                AND (a.rule = 'drift' OR i.min_rate > 0)
        );
        due_at := least(
            ghostwatch._next_recheck_due(clause, progress.last_success_at),
            ghostwatch._next_alert_due(clause.invariant_id, progress.last_success_at)
        );

        IF ghostwatch._needs_trials(clause.rule) THEN
            SELECT g.* INTO gap FROM ghostwatch._expected_gap(clause.invariant_id) AS g;
            gap.last_minute := gap.last_minute + '1 minute'::interval + gap.longest_gap + clause.deadline + '2 microseconds'::interval;
            due_at := least(due_at, CASE WHEN gap.last_minute > progress.last_success_at THEN gap.last_minute END);
        END IF;

        -- A table that cannot be read fails the check, which says so.
        BEGIN
            PERFORM set_config('lock_timeout', extract(epoch FROM ghostwatch._setting('lock_wait')::interval) * 1000 || 'ms', true);
            due_at := least(due_at, ghostwatch._next_arrival_due(clause, progress.checked_up_to, as_of, everybody));
        EXCEPTION
            WHEN OTHERS THEN
                NULL;
        END;
        RETURN NEXT;
    END LOOP;
END
$_due_checks$;

COMMENT ON FUNCTION ghostwatch._due_checks(text) IS
'When a check of each invariant of this role''s contracts (or of one of them) could next change something (NULL: nothing will by itself),
and by when to ask again, since somebody may sign up.';
