CREATE FUNCTION ghostwatch.page_cohort(
    contract text,
    invariant text,
    since timestamptz,
    step interval DEFAULT '1 hour'
)
RETURNS TABLE (
    starts_at timestamptz,
    due bigint,
    in_time bigint,
    by_error_after bigint,
    by_watch_for bigint,
    never bigint,
    still_open bigint,
    excused bigint
)
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 100
-- A definer, so that the viewer's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $page_cohort$
    -- A row counts from when a check run saw it. Closed violations are kept as long as keep_closed_violations says.
    WITH clause AS MATERIALIZED (
        SELECT i.invariant_id, i.error_after
        FROM ghostwatch.invariant AS i
        WHERE i.invariant_id = ghostwatch._invariant_id(page_cohort.contract, page_cohort.invariant)
    ),
    life AS (
        SELECT
            v.born_at,
            v.closed_at - v.born_at AS age,
            v.close_reason,
            k.error_after
        FROM clause AS k
        INNER JOIN ghostwatch.violation AS v
            ON v.invariant_id = k.invariant_id
        -- Nobody's violation closes before the birth, so the index on closed_at finds them.
        WHERE v.closed_at >= page_cohort.since
            AND v.born_at >= page_cohort.since
            AND v.opened_at IS NOT NULL
        UNION ALL
        SELECT v.born_at, NULL, CASE v.state WHEN 'exempt' THEN 'exempt' END, NULL
        FROM clause AS k
        INNER JOIN ghostwatch.violation AS v
            ON v.invariant_id = k.invariant_id
        WHERE v.closed_at IS NULL
            AND v.born_at >= page_cohort.since
            AND v.opened_at IS NOT NULL
    ),
    late AS (
        SELECT
            date_bin(page_cohort.step, l.born_at, page_cohort.since) AS starts_at,
            count(*) FILTER (WHERE l.close_reason = 'row_came' AND l.age <= l.error_after) AS by_error_after,
            count(*) FILTER (WHERE l.close_reason = 'row_came' AND l.age > l.error_after) AS by_watch_for,
            count(*) FILTER (WHERE l.close_reason = 'expired') AS never,
            count(*) FILTER (WHERE l.close_reason IS NULL) AS still_open,
            count(*) FILTER (WHERE l.close_reason IN ('exempt', 'deleted')) AS excused
        FROM life AS l
        GROUP BY 1
    )
    SELECT
        b.starts_at,
        b.due,
        b.due - b.violations,
        coalesce(l.by_error_after, 0),
        coalesce(l.by_watch_for, 0),
        coalesce(l.never, 0),
        coalesce(l.still_open, 0),
        coalesce(l.excused, 0)
    FROM clause AS k
    CROSS JOIN LATERAL ghostwatch._branch_counts(k.invariant_id, page_cohort.since, page_cohort.step, false) AS b
    LEFT JOIN late AS l
        ON l.starts_at = b.starts_at
    ORDER BY b.starts_at
$page_cohort$;

COMMENT ON FUNCTION ghostwatch.page_cohort(text, text, timestamptz, interval) IS
'Of those born in each step: how many had their row by the first deadline, by error_after, by watch_for, or never while
they were watched; how many still lack it; and how many became exempt or were deleted instead. Raises GW001 (no such
contract), GW007 (no such invariant).';
