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
    -- What checks have counted, for a baseline.
    -- Takes an invariant and a stretch of time; returns counts per hour and branch family.
    -- Minutes inside alerts of the rule drift, from their change-point on, say nothing about what is usual.
    WITH incident AS (
        SELECT
            date_trunc('minute', coalesce((a.evidence ->> 'since')::timestamptz, a.opened_at)) AS since,
            coalesce(a.resolved_at, 'infinity') AS until
        FROM ghostwatch.alert AS a
        WHERE a.kind = 'violations'
            AND a.rule = 'drift'
            AND coalesce(a.invariant_id, 0) = _history.invariant_id
    ),
    hour_count AS (
        SELECT
            date_trunc('hour', b.minute) AS hour,
            b.branch_family,
            sum(b.due) AS arrived,
            coalesce(sum(b.due) FILTER (WHERE usual.so), 0) AS due,
            coalesce(sum(b.violations) FILTER (WHERE usual.so), 0) AS violations
        FROM ghostwatch.branch_minute AS b
        CROSS JOIN LATERAL (
            SELECT NOT EXISTS (SELECT FROM incident AS i WHERE b.minute >= i.since AND b.minute < i.until) AS so
        ) AS usual
        WHERE b.invariant_id = _history.invariant_id
            AND b.minute >= _history.history_from
            AND b.minute < _history.history_until
        GROUP BY date_trunc('hour', b.minute), b.branch_family
    )
    SELECT coalesce(array_agg(
        ROW(h.hour, h.branch_family, h.arrived, h.due, h.violations)::ghostwatch._hour_count
    ), '{}')
    FROM hour_count AS h
$_history$;

COMMENT ON FUNCTION ghostwatch._history(integer, timestamptz, timestamptz) IS
'What checks have counted per hour and branch family, setting minutes inside drift alerts apart.';
