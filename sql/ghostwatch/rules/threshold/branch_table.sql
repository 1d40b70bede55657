CREATE FUNCTION ghostwatch._branch_table(
    invariant_id integer,
    open_violations jsonb,
    as_of timestamptz
)
RETURNS jsonb
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_branch_table$
    -- Both numbers are of the same subjects: those under watch that have reached the first deadline, warnings and errors alike.
    WITH watch AS (
        SELECT
            date_trunc('minute', as_of - i.watch_for) AS since,
            i.watch_for
        FROM ghostwatch.invariant AS i
        WHERE i.invariant_id = _branch_table.invariant_id
    ),
    -- The oldest minute is counted as a whole; those in it that have expired are not open any more.
    expired AS (
        SELECT v.branch_family, count(*) AS subjects
        FROM ghostwatch.violation AS v
        CROSS JOIN watch AS w
        WHERE v.invariant_id = _branch_table.invariant_id
            AND v.closed_at >= w.since + w.watch_for
            AND v.close_reason = 'expired'
            AND v.born_at >= w.since
        GROUP BY v.branch_family
    ),
    due AS (
        SELECT b.branch_family, sum(b.due) AS subjects
        FROM ghostwatch.branch_minute AS b
        CROSS JOIN watch AS w
        WHERE b.invariant_id = _branch_table.invariant_id
            AND b.minute >= w.since
        GROUP BY b.branch_family
    ),
    family AS (
        SELECT
            branch_family AS name,
            coalesce(o.value::bigint, 0) AS violations,
            -- A violation that was recorded at COMMIT is open before a check counts it as due.
            greatest(d.subjects - coalesce(e.subjects, 0), o.value::bigint) AS due
        FROM due AS d
        LEFT JOIN expired AS e USING (branch_family)
        FULL JOIN jsonb_each_text(open_violations) AS o (branch_family, value) USING (branch_family)
    ),
    pool AS (
        SELECT sum(f.violations) / nullif(sum(f.due), 0) AS rate FROM family AS f
    )
    SELECT coalesce(
        jsonb_agg(
            jsonb_build_object('family', f.name, 'violations', f.violations, 'due', f.due)
            ORDER BY f.violations - f.due * p.rate DESC, f.violations DESC, f.name
        ),
        '[]'
    )
    FROM family AS f
    CROSS JOIN pool AS p
    WHERE f.due > 0
$_branch_table$;

COMMENT ON FUNCTION ghostwatch._branch_table(integer, jsonb, timestamptz) IS
'How the open violations of an invariant are distributed over the branch families: [{"family", "violations", "due"}, ...], the largest excess over the common rate first.
open_violations: how many per family ({"kitchen": 4, ...}).';
