CREATE FUNCTION ghostwatch.page_days(
    time_zone text DEFAULT 'UTC',
    days integer DEFAULT 90
)
RETURNS TABLE (
    contract text,
    invariant text,
    day date,
    due bigint,
    violations bigint,
    warnings bigint,
    errors bigint
)
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 500
-- A definer, so that the viewer's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $page_days$
    -- One row per invariant and day of the last so many, in a time zone, today included; days without subjects have one
    -- too.
    WITH calendar AS (
        SELECT
            d.day::date AS day,
            d.day AT TIME ZONE page_days.time_zone AS begins,
            (d.day + '1 day'::interval) AT TIME ZONE page_days.time_zone AS ends
        FROM (SELECT date_trunc('day', ghostwatch._clock() AT TIME ZONE page_days.time_zone) AS today) AS present
        CROSS JOIN LATERAL generate_series(
            present.today - make_interval(days => least(greatest(page_days.days, 1), 366) - 1),
            present.today,
            '1 day'::interval
        ) AS d (day)
    )
    SELECT
        c.contract,
        c.invariant,
        k.day,
        counted.due,
        counted.violations,
        fired.warnings,
        fired.errors
    FROM ghostwatch._clause AS c
    CROSS JOIN calendar AS k
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(h.due), 0)::bigint AS due, coalesce(sum(h.violations), 0)::bigint AS violations
        FROM ghostwatch.branch_sum AS h
        WHERE h.invariant_id = c.invariant_id
            AND h.step = 'hour'
            AND h.branch_family = ''
            AND h.starts_at >= k.begins
            AND h.starts_at < k.ends
    ) AS counted
    CROSS JOIN LATERAL (
        SELECT
            count(*) FILTER (WHERE a.severity = 'warn') AS warnings,
            count(*) FILTER (WHERE a.severity = 'error') AS errors
        FROM ghostwatch.alert AS a
        WHERE a.kind = ANY ('{violations,check_failing,no_signups}'::text[])
            AND coalesce(a.invariant_id, 0) = c.invariant_id
            AND (a.resolved_at >= k.begins OR a.resolved_at IS NULL)
            AND a.opened_at < k.ends
    ) AS fired
    ORDER BY c.contract, c.invariant_id, k.day
$page_days$;

COMMENT ON FUNCTION ghostwatch.page_days(text, integer) IS
'Per invariant and day, for the page: subjects that reached their deadline, violations among them, and alerts that
fired. Days are those of the time zone. Returns how many subjects born that day came to their deadline, how many of
them in violation, and how many alerts of either severity fired that day.';
