CREATE FUNCTION ghostwatch._branch_counts(
    invariant_id integer,
    since timestamptz,
    step interval,
    by_branch boolean
)
RETURNS TABLE (
    starts_at timestamptz,
    branch_family text,
    due bigint,
    violations bigint
)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
ROWS 1000
SET search_path = pg_catalog, pg_temp
AS $_branch_counts$
-- Steps of whole hours or days come from the sums; a step without subjects has no row.
DECLARE
    summed text := CASE WHEN step >= '1 day'::interval THEN 'day' WHEN step >= '1 hour'::interval THEN 'hour' END;
BEGIN
    IF summed IS NULL AND by_branch THEN
        RETURN QUERY
        SELECT date_bin(_branch_counts.step, m.minute, since), m.branch_family, sum(m.due), sum(m.violations)
        FROM ghostwatch.branch_minute AS m
        WHERE m.invariant_id = _branch_counts.invariant_id
            AND m.minute >= since
        GROUP BY date_bin(_branch_counts.step, m.minute, since), m.branch_family;
    ELSIF summed IS NULL THEN
        RETURN QUERY
        SELECT date_bin(_branch_counts.step, m.minute, since), '', sum(m.due), sum(m.violations)
        FROM ghostwatch.branch_minute AS m
        WHERE m.invariant_id = _branch_counts.invariant_id
            AND m.minute >= since
        GROUP BY date_bin(_branch_counts.step, m.minute, since);
    ELSIF by_branch THEN
        RETURN QUERY
        SELECT date_bin(_branch_counts.step, b.starts_at, since), b.branch_family, sum(b.due)::bigint, sum(b.violations)::bigint
        FROM ghostwatch.branch_sum AS b
        WHERE b.invariant_id = _branch_counts.invariant_id
            AND b.step = summed
            AND b.starts_at >= since
            AND b.branch_family <> ''
        GROUP BY date_bin(_branch_counts.step, b.starts_at, since), b.branch_family;
    ELSE
        RETURN QUERY
        SELECT date_bin(_branch_counts.step, b.starts_at, since), '', sum(b.due)::bigint, sum(b.violations)::bigint
        FROM ghostwatch.branch_sum AS b
        WHERE b.invariant_id = _branch_counts.invariant_id
            AND b.step = summed
            AND b.starts_at >= since
            AND b.branch_family = ''
        GROUP BY date_bin(_branch_counts.step, b.starts_at, since);
    END IF;
END
$_branch_counts$;

COMMENT ON FUNCTION ghostwatch._branch_counts(integer, timestamptz, interval, boolean) IS
'What checks counted since a moment, in steps of some length that begin there, per branch family or, with an empty
family, in all.';
