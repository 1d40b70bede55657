CREATE FUNCTION ghostwatch.page_health()
RETURNS TABLE (
    as_of timestamptz,
    paused boolean,
    checks_succeeded_at timestamptz,
    checks_fresh boolean,
    notifications_waiting bigint,
    oldest_waiting_since timestamptz,
    notifications_failed bigint,
    channels bigint,
    channels_closed bigint,
    sidecars bigint,
    sidecars_seen_at timestamptz,
    problems text[]
)
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 1
-- A definer, so that the viewer's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $page_health$
    SELECT
        present.as_of,
        ghostwatch._setting('paused')::boolean,
        checks.succeeded_at,
        coalesce(checks.succeeded_at > present.as_of - ghostwatch._overdue_after(), false),
        (SELECT count(*) FROM ghostwatch.notification AS n WHERE n.state IN ('pending', 'claimed')),
        ghostwatch._overdue_since(present.as_of),
        (SELECT count(*) FROM ghostwatch.notification AS n WHERE n.state = 'failed'),
        (SELECT count(*) FROM ghostwatch.channel AS c),
        (SELECT count(*) FROM ghostwatch.channel AS c WHERE c.disabled_at IS NOT NULL),
        (SELECT count(*) FROM ghostwatch.sidecar AS s WHERE s.seen_at >= present.as_of - '2 minutes'::interval),
        (SELECT max(s.seen_at) FROM ghostwatch.sidecar AS s),
        ARRAY(
            SELECT format('Sidecar %s: %s', s.worker, s.problem)
            FROM ghostwatch.sidecar AS s
            WHERE s.problem IS NOT NULL
                AND s.seen_at >= present.as_of - '2 minutes'::interval
            ORDER BY s.worker
        ) || ARRAY(SELECT p FROM ghostwatch._delivery_problems(present.as_of) AS p)
    FROM (SELECT ghostwatch._clock() AS as_of) AS present
    CROSS JOIN (SELECT max(p.last_success_at) AS succeeded_at FROM ghostwatch.check_progress AS p) AS checks
$page_health$;

COMMENT ON FUNCTION ghostwatch.page_health() IS
'Whether checks run and messages get through, in one row, for the page. sidecars: those seen in the last two minutes.';
