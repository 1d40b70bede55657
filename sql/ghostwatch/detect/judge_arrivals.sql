CREATE FUNCTION ghostwatch._judge_arrivals(
    clause ghostwatch._clause,
    as_of timestamptz,
    OUT judged integer,
    OUT opened integer,
    OUT backlog boolean
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_judge_arrivals$
-- Judges, once each, the subjects that have crossed their deadline since the last run: oldest first, at most one batch.
-- Opens violations, counts per minute and branch family, and moves the watermark.
-- Returns how many were judged, how many of them opened a violation, and whether more are waiting.
-- Declared SQL runs here, with the rights of who declared it: @plpgsql_check_options: security_warnings = false
-- and it gives a ghostwatch._batch, which no static check can tell: @plpgsql_check_options: other_warnings = false
DECLARE
    progress ghostwatch.check_progress;
    batch_size constant integer := ghostwatch._setting('batch_size')::integer;
    oldest_birth_to_come timestamptz;
    due_up_to timestamptz;
    new_horizon timestamptz;
    new_watermark timestamptz;
    arrival_query text;
    batch ghostwatch._batch;
BEGIN
    SELECT p.* INTO progress FROM ghostwatch.check_progress AS p WHERE p.invariant_id = clause.invariant_id;

    -- A warning is due at warn_after, an error only past error_after.
    due_up_to := as_of - clause.deadline - CASE WHEN clause.warn_after IS NULL THEN interval '1 microsecond' ELSE '0' END;

    -- Asked before the subjects are read: whoever ends in between is seen below.
    oldest_birth_to_come := ghostwatch._oldest_birth_to_come(clause, as_of);

    -- All subjects with one birth time come in one batch, so that the watermark is a moment and nothing else.
    arrival_query := ghostwatch._subject_query(clause, format(
        E'(\n    SELECT s.* FROM %1$s AS s\n    WHERE %2$s%3$s\n    ORDER BY s.%4$I\n    FETCH FIRST %5$s ROWS WITH TIES\n) AS s',
        clause.subject,
        ghostwatch._born_between(clause, progress.watermark, due_up_to),
        CASE WHEN EXISTS (SELECT FROM ghostwatch.judged AS j WHERE j.invariant_id = clause.invariant_id) THEN format(
            E'\n    AND s.%1$I NOT IN (SELECT unnest(j.subject_keys)::%2$s FROM ghostwatch.judged AS j WHERE j.invariant_id = %3$s)',
            clause.key_column, ghostwatch._column_type(clause.subject, clause.key_column), clause.invariant_id
        ) ELSE '' END,
        clause.born_at_column,
        batch_size
    ));

    PERFORM set_config('search_path', clause.search_path, true);
    EXECUTE format($query$
        WITH arrival AS MATERIALIZED (
            SELECT a.*,
                NOT (a.exempt_by_branch OR a.exempt_by_predicate) AS is_trial,
                NOT a.satisfied AND NOT a.exempt_by_branch AND NOT a.exempt_by_predicate AS violated
            FROM (%s) AS a
        ),
        opened AS (
            INSERT INTO ghostwatch.violation AS v (
                invariant_id, subject_key, born_at, branch_family, state, opened_at, escalated_at, closed_at, close_reason
            )
            SELECT $1, a.subject_key, a.born_at, a.branch_family, life.state,
                CASE WHEN a.violated THEN $2 END,
                CASE WHEN life.state = 'error' THEN $2 END,
                CASE WHEN life.state = 'expired' THEN $2 END,
                CASE WHEN life.state = 'expired' THEN 'expired' END
            FROM arrival AS a
            CROSS JOIN LATERAL (SELECT ghostwatch._life_state(a.exempt_by_predicate, $2 - a.born_at, $3, $4) AS state) AS life
            WHERE a.violated OR (a.exempt_by_predicate AND NOT a.exempt_by_branch AND NOT a.satisfied AND life.state = 'exempt')
            ON CONFLICT (invariant_id, subject_key) DO UPDATE
            SET born_at = excluded.born_at, branch_family = excluded.branch_family, state = excluded.state,
                opened_at = excluded.opened_at, escalated_at = excluded.escalated_at,
                closed_at = excluded.closed_at, close_reason = excluded.close_reason
            WHERE v.born_at <> excluded.born_at
            RETURNING v.state
        ),
        counted AS (
            INSERT INTO ghostwatch.branch_minute AS m (invariant_id, minute, branch_family, matured, ghosts)
            SELECT $1, date_trunc('minute', a.born_at), a.branch_family, count(*), count(*) FILTER (WHERE a.violated)
            FROM arrival AS a
            WHERE a.is_trial
            GROUP BY date_trunc('minute', a.born_at), a.branch_family
            ON CONFLICT (invariant_id, minute, branch_family) DO UPDATE
            SET matured = m.matured + excluded.matured, ghosts = m.ghosts + excluded.ghosts
        )
        SELECT count(*)::integer AS judged,
            (SELECT count(*) FROM opened AS o WHERE o.state <> 'exempt')::integer AS opened,
            max(a.born_at) AS born_up_to,
            array_agg(a.subject_key) FILTER (WHERE a.born_at > $5) AS unsafe_keys,
            max(a.born_at) FILTER (WHERE a.born_at > $5) AS unsafe_up_to,
            array_agg(a.born_at ORDER BY a.born_at, a.subject_key) FILTER (WHERE $6 AND a.is_trial) AS trial_born_at,
            array_agg(a.violated ORDER BY a.born_at, a.subject_key) FILTER (WHERE $6 AND a.is_trial) AS trial_violated,
            array_agg(a.branch_family ORDER BY a.born_at, a.subject_key) FILTER (WHERE $6 AND a.is_trial) AS trial_family
        FROM arrival AS a
        $query$, arrival_query)
    INTO batch
    USING clause.invariant_id, as_of, clause.error_after, clause.watch_for,
          greatest(progress.watermark, oldest_birth_to_come), clause.rule = 'drift';
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);

    judged := batch.judged;
    opened := batch.opened;
    backlog := judged >= batch_size;

    -- The watermark stops where an unseen subject may still appear, and never goes back.
    new_horizon := greatest(progress.horizon, CASE WHEN backlog THEN batch.born_up_to ELSE due_up_to END);
    new_watermark := greatest(progress.watermark, least(
        CASE WHEN backlog THEN batch.born_up_to ELSE due_up_to END, oldest_birth_to_come
    ));

    UPDATE ghostwatch.check_progress AS p
    SET watermark = new_watermark,
        horizon = new_horizon,
        catching_up_since = CASE WHEN backlog THEN coalesce(p.catching_up_since, p.horizon) END
    WHERE p.invariant_id = clause.invariant_id;

    IF batch.unsafe_keys IS NOT NULL THEN
        INSERT INTO ghostwatch.judged (invariant_id, born_up_to, subject_keys)
        VALUES (clause.invariant_id, batch.unsafe_up_to, batch.unsafe_keys);
    END IF;
    DELETE FROM ghostwatch.judged AS j
    WHERE j.invariant_id = clause.invariant_id AND j.born_up_to <= new_watermark;

    IF batch.trial_born_at IS NOT NULL THEN
        PERFORM ghostwatch._score_trials(clause.invariant_id, as_of, batch.trial_born_at, batch.trial_violated, batch.trial_family);
    END IF;
END
$_judge_arrivals$;

COMMENT ON FUNCTION ghostwatch._judge_arrivals(ghostwatch._clause, timestamptz) IS
'Judges, once each, the subjects that have crossed their deadline since the last run, at most batch_size of them and oldest first.';
