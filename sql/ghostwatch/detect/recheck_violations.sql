CREATE FUNCTION ghostwatch._recheck_violations(
    clause ghostwatch._clause,
    as_of timestamptz
) RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_recheck_violations$
-- Looks at every open violation again, by key and in one statement: it recovers, escalates, expires, or stays.
-- A subject that is born anew under the same key, and not yet due, counts as gone: its new life is judged when it is due.
DECLARE
    open_subject_query constant text := ghostwatch._subject_query(clause, format(
        E'(\n    SELECT s.* FROM ghostwatch.violation AS v\n'
        '    INNER JOIN %1$s AS s ON s.%2$I = v.subject_key::%3$s\n'
        '    WHERE v.invariant_id = $1 AND v.state IN (''warn'', ''error'', ''exempt'')\n) AS s',
        clause.subject, clause.key_column, ghostwatch._column_type(clause.subject, clause.key_column)
    ));
BEGIN
    IF NOT EXISTS (
        SELECT FROM ghostwatch.violation AS v
        WHERE v.invariant_id = clause.invariant_id AND v.state IN ('warn', 'error', 'exempt')
    ) THEN
        RETURN;
    END IF;

    PERFORM set_config('search_path', clause.search_path, true);
    EXECUTE format($query$
        WITH found AS MATERIALIZED (%s),
        outcome AS (
            SELECT v.subject_key, v.opened_at, coalesce(f.born_at, v.born_at) AS born_at,
                CASE
                    WHEN f.subject_key IS NULL THEN 'deleted'
                    WHEN f.satisfied THEN 'row_came'
                    WHEN f.exempt_by_branch THEN 'exempt'
                    WHEN f.exempt_by_predicate AND $2 - f.born_at > $4 THEN 'exempt'
                    WHEN $2 - f.born_at > $4 THEN 'expired'
                END AS close_reason,
                ghostwatch._life_state(f.exempt_by_predicate, $2 - f.born_at, $3, $4) AS open_state
            FROM ghostwatch.violation AS v
            LEFT JOIN found AS f ON f.subject_key = v.subject_key AND (f.born_at <= $5 OR f.born_at = v.born_at)
            WHERE v.invariant_id = $1 AND v.state IN ('warn', 'error', 'exempt')
        ),
        never_opened AS (
            DELETE FROM ghostwatch.violation AS v
            USING outcome AS o
            WHERE v.invariant_id = $1 AND v.subject_key = o.subject_key
              AND o.close_reason IS NOT NULL AND o.opened_at IS NULL AND o.close_reason <> 'expired'
        )
        UPDATE ghostwatch.violation AS v
        SET state = new.state,
            born_at = o.born_at,
            opened_at = CASE WHEN new.state = 'exempt' THEN v.opened_at ELSE coalesce(v.opened_at, $2) END,
            escalated_at = CASE WHEN new.state = 'error' THEN coalesce(v.escalated_at, $2) ELSE v.escalated_at END,
            closed_at = CASE WHEN o.close_reason IS NOT NULL THEN $2 END,
            close_reason = o.close_reason
        FROM outcome AS o
        CROSS JOIN LATERAL (
            SELECT CASE o.close_reason WHEN 'expired' THEN 'expired' ELSE 'recovered' END AS state
            WHERE o.close_reason IS NOT NULL
            UNION ALL
            SELECT o.open_state WHERE o.close_reason IS NULL
        ) AS new
        WHERE v.invariant_id = $1 AND v.subject_key = o.subject_key AND v.state <> new.state
          AND (o.close_reason IS NULL OR o.opened_at IS NOT NULL OR o.close_reason = 'expired')
        $query$, open_subject_query)
    USING clause.invariant_id, as_of, clause.error_after, clause.watch_for,
          (SELECT p.horizon FROM ghostwatch.check_progress AS p WHERE p.invariant_id = clause.invariant_id);
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
END
$_recheck_violations$;

COMMENT ON FUNCTION ghostwatch._recheck_violations(ghostwatch._clause, timestamptz) IS
'Looks at every open violation again, by key and in one statement: it recovers, escalates, expires, or stays.';
