CREATE FUNCTION ghostwatch._record_judgements(
    clause ghostwatch._clause,
    as_of timestamptz,
    judgements ghostwatch._judgement[],
    read_again_after timestamptz,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS ghostwatch._batch
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_record_judgements$
DECLARE
    needs_trials constant boolean := ghostwatch._needs_trials(clause.rule);
    batch ghostwatch._batch;
BEGIN
    PERFORM ghostwatch._require_own_invariant(clause.invariant_id, credential);

    IF judgements = '{}' THEN
        batch.judged := 0;
        batch.opened := 0;
        RETURN batch;
    END IF;

    WITH arrival AS MATERIALIZED (
        SELECT
            j.*,
            NOT (j.exempt_by_branch OR j.exempt_by_predicate) AS is_trial
        FROM unnest(judgements) AS j
    ),

    opened AS (
        INSERT INTO ghostwatch.violation AS v (
            invariant_id, subject_key, born_at, branch_family, state, opened_at, escalated_at, closed_at, close_reason
        )
        -- A key that came twice at once, deleted in between, has one violation: of its later life.
        SELECT DISTINCT ON (a.subject_key)
            clause.invariant_id,
            a.subject_key,
            a.born_at,
            a.branch_family,
            life.state,
            CASE WHEN a.violated THEN as_of END,
            CASE WHEN life.state = 'error' THEN as_of END,
            CASE WHEN life.state = 'expired' THEN as_of END,
            CASE WHEN life.state = 'expired' THEN 'expired' END
        FROM arrival AS a
        CROSS JOIN LATERAL (
            SELECT ghostwatch._life_state(a.exempt_by_predicate, as_of - a.born_at, clause.error_after, clause.watch_for) AS state
        ) AS life
        WHERE a.violated
            OR (a.exempt_by_predicate AND NOT a.exempt_by_branch AND NOT a.satisfied AND life.state = 'exempt')
        ORDER BY a.subject_key, a.born_at DESC
        ON CONFLICT ON CONSTRAINT violation_pkey DO UPDATE
        SET
            born_at = excluded.born_at,
            branch_family = excluded.branch_family,
            state = excluded.state,
            opened_at = excluded.opened_at,
            escalated_at = excluded.escalated_at,
            closed_at = excluded.closed_at,
            close_reason = excluded.close_reason
        WHERE v.born_at <> excluded.born_at
        RETURNING v.state
    ),

    counted AS (
        INSERT INTO ghostwatch.branch_minute AS m (invariant_id, minute, branch_family, due, violations)
        SELECT
            clause.invariant_id,
            date_trunc('minute', a.born_at),
            a.branch_family,
            count(*),
            count(*) FILTER (WHERE a.violated)
        FROM arrival AS a
        WHERE a.is_trial
        GROUP BY date_trunc('minute', a.born_at), a.branch_family
        ON CONFLICT ON CONSTRAINT branch_minute_pkey DO UPDATE
        SET due = m.due + excluded.due, violations = m.violations + excluded.violations
    ),

    -- Batches of one invariant come one after the other, so nobody waits for a row.
    totalled AS (
        INSERT INTO ghostwatch.judged_total AS t (invariant_id, branch_family, due, violations)
        SELECT
            clause.invariant_id,
            a.branch_family,
            count(*),
            count(*) FILTER (WHERE a.violated)
        FROM arrival AS a
        WHERE a.is_trial
        GROUP BY a.branch_family
        ON CONFLICT ON CONSTRAINT judged_total_pkey DO UPDATE
        SET due = t.due + excluded.due, violations = t.violations + excluded.violations
    )

    SELECT
        count(*)::integer AS judged,
        (SELECT count(*) FROM opened AS o WHERE o.state <> 'exempt')::integer AS opened,
        min(a.born_at) AS born_from,
        max(a.born_at) AS born_up_to,
        array_agg(a.subject_key) FILTER (WHERE a.born_at > read_again_after) AS unsafe_keys,
        array_agg(a.born_at) FILTER (WHERE a.born_at > read_again_after) AS unsafe_births,
        max(a.born_at) FILTER (WHERE a.born_at > read_again_after) AS unsafe_up_to,
        array_agg(a.born_at ORDER BY a.born_at, a.subject_key) FILTER (WHERE needs_trials AND a.is_trial) AS trial_born_at,
        array_agg(a.violated ORDER BY a.born_at, a.subject_key) FILTER (WHERE needs_trials AND a.is_trial) AS trial_violated,
        array_agg(a.branch_family ORDER BY a.born_at, a.subject_key) FILTER (WHERE needs_trials AND a.is_trial) AS trial_family
    INTO batch
    FROM arrival AS a;

    RETURN batch;
END
$_record_judgements$;

COMMENT ON FUNCTION ghostwatch._record_judgements(ghostwatch._clause, timestamptz, ghostwatch._judgement[], timestamptz, uuid) IS
'Records a batch of subjects that were judged for the first time: opens violations, and counts per minute and branch family and in all.
read_again_after: subjects born later may be read again, so their keys are returned.';
