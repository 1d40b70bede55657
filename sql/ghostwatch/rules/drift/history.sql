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
    -- An incident of the rule drift begins at its change-point, which lies before the alert.
    SELECT ghostwatch._hour_counts(
        array_agg(b.minute),
        array_agg(b.due),
        array_agg(b.violations),
        array_agg(b.branch_family),
        ARRAY(
            SELECT tstzrange(date_trunc('minute', coalesce((a.evidence ->> 'since')::timestamptz, a.opened_at)), a.resolved_at)
            FROM ghostwatch.alert AS a
            WHERE a.kind = 'violations'
                AND ghostwatch._needs_trials(a.rule)
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
