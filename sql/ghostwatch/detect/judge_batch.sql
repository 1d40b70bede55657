CREATE FUNCTION ghostwatch._judge_batch(
    clause ghostwatch._clause,
    as_of timestamptz,
    arrivals text,
    batch_size integer,
    read_again_after timestamptz
)
RETURNS ghostwatch._batch
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_judge_batch$
-- Judges the oldest of the subjects that the SQL arrivals yields: opens violations, and counts per minute and branch family.
-- read_again_after: who was born later may be read again, so their keys are returned.
-- Declared SQL runs here, with the rights of who declared it: @plpgsql_check_options: security_warnings = false
-- and it gives a ghostwatch._batch, which no static check can tell: @plpgsql_check_options: other_warnings = false
DECLARE
    anybody boolean;
    batch ghostwatch._batch;
BEGIN
    PERFORM set_config('search_path', clause.search_path, true);

    -- On an idle bot nothing of what follows need be planned. Ordered, so that the index on the birth time is asked.
    EXECUTE format('SELECT true FROM (%s) AS s ORDER BY %s LIMIT 1', arrivals, ghostwatch._birth_column(clause))
    INTO anybody;
    IF anybody IS NULL THEN
        PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
        batch.judged := 0;
        batch.opened := 0;
        RETURN batch;
    END IF;

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
            -- A key that came twice at once, deleted in between, has one violation: of its later life.
            SELECT DISTINCT ON (a.subject_key) $1, a.subject_key, a.born_at, a.branch_family, life.state,
                CASE WHEN a.violated THEN $2 END,
                CASE WHEN life.state = 'error' THEN $2 END,
                CASE WHEN life.state = 'expired' THEN $2 END,
                CASE WHEN life.state = 'expired' THEN 'expired' END
            FROM arrival AS a
            CROSS JOIN LATERAL (SELECT ghostwatch._life_state(a.exempt_by_predicate, $2 - a.born_at, $3, $4) AS state) AS life
            WHERE a.violated OR (a.exempt_by_predicate AND NOT a.exempt_by_branch AND NOT a.satisfied AND life.state = 'exempt')
            ORDER BY a.subject_key, a.born_at DESC
            ON CONFLICT (invariant_id, subject_key) DO UPDATE
            SET born_at = excluded.born_at, branch_family = excluded.branch_family, state = excluded.state,
                opened_at = excluded.opened_at, escalated_at = excluded.escalated_at,
                closed_at = excluded.closed_at, close_reason = excluded.close_reason
            WHERE v.born_at <> excluded.born_at
            RETURNING v.state
        ),
        counted AS (
            INSERT INTO ghostwatch.branch_minute AS m (invariant_id, minute, branch_family, due, violations)
            SELECT $1, date_trunc('minute', a.born_at), a.branch_family, count(*), count(*) FILTER (WHERE a.violated)
            FROM arrival AS a
            WHERE a.is_trial
            GROUP BY date_trunc('minute', a.born_at), a.branch_family
            ON CONFLICT (invariant_id, minute, branch_family) DO UPDATE
            SET due = m.due + excluded.due, violations = m.violations + excluded.violations
        )
        SELECT count(*)::integer AS judged,
            (SELECT count(*) FROM opened AS o WHERE o.state <> 'exempt')::integer AS opened,
            min(a.born_at) AS born_from,
            max(a.born_at) AS born_up_to,
            array_agg(a.subject_key) FILTER (WHERE a.born_at > $5) AS unsafe_keys,
            array_agg(a.born_at) FILTER (WHERE a.born_at > $5) AS unsafe_births,
            max(a.born_at) FILTER (WHERE a.born_at > $5) AS unsafe_up_to,
            array_agg(a.born_at ORDER BY a.born_at, a.subject_key) FILTER (WHERE $6 AND a.is_trial) AS trial_born_at,
            array_agg(a.violated ORDER BY a.born_at, a.subject_key) FILTER (WHERE $6 AND a.is_trial) AS trial_violated,
            array_agg(a.branch_family ORDER BY a.born_at, a.subject_key) FILTER (WHERE $6 AND a.is_trial) AS trial_family
        FROM arrival AS a
        $query$,
        -- All subjects with one birth time come in one batch, so that the watermark is a moment and nothing else.
        ghostwatch._subject_query(clause, format(
            E'(\n    SELECT s.* FROM (%s) AS s\n    ORDER BY %s\n    FETCH FIRST %s ROWS WITH TIES\n) AS s',
            arrivals, ghostwatch._birth_column(clause), batch_size
        )))
    INTO batch
    USING clause.invariant_id, as_of, clause.error_after, clause.watch_for, read_again_after, clause.rule = 'drift';
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    RETURN batch;
END
$_judge_batch$;

COMMENT ON FUNCTION ghostwatch._judge_batch(ghostwatch._clause, timestamptz, text, integer, timestamptz) IS
'Judges the oldest batch_size of the subjects that some SQL yields: opens violations, and counts per minute and branch family.';
