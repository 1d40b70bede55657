CREATE FUNCTION ghostwatch._history(
    invariant_id integer,
    history_from timestamptz,
    history_until timestamptz
)
RETURNS ghostwatch._hour_count[]
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_history$
    -- What an alert is about is no part of the usual rate, once that is known. An incident of the rule drift begins at its
    -- change-point, another one with the first subject that was found.
    SELECT ghostwatch._hour_counts(
        array_agg(b.minute),
        array_agg(b.due),
        array_agg(b.violations),
        array_agg(b.branch_family),
        ARRAY(
            SELECT tstzrange(
                date_trunc('minute', coalesce((a.evidence ->> 'since')::timestamptz, a.opened_at - coalesce(i.warn_after, i.error_after))),
                a.resolved_at
            )
            FROM ghostwatch.alert AS a
            INNER JOIN ghostwatch.invariant AS i
                ON i.invariant_id = a.invariant_id
            WHERE a.kind = 'violations'
                AND a.evidence ? 'baseline_rate'
                AND coalesce(a.invariant_id, 0) = _history.invariant_id
        )
    )
    FROM ghostwatch.branch_minute AS b
    WHERE b.invariant_id = _history.invariant_id
        AND b.minute >= _history.history_from
        AND b.minute < _history.history_until
$_history$;

COMMENT ON FUNCTION ghostwatch._history(integer, timestamptz, timestamptz) IS
'What checks have counted per hour and branch family between two moments, for a baseline.';
