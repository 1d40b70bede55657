CREATE FUNCTION ghostwatch.page_branches(
    contract text,
    invariant text,
    since timestamptz,
    step interval DEFAULT '1 hour',
    most integer DEFAULT 50
)
RETURNS TABLE (
    branch_family text,
    starts_at timestamptz,
    due bigint,
    violations bigint
)
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 2500
-- A definer, so that the viewer's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $page_branches$
    WITH counted AS MATERIALIZED (
        SELECT b.starts_at, b.branch_family, b.due, b.violations
        FROM ghostwatch._branch_counts(ghostwatch._invariant_id(page_branches.contract, page_branches.invariant), page_branches.since, page_branches.step, true) AS b
    ),
    family AS (
        SELECT
            f.branch_family,
            row_number() OVER (ORDER BY f.violations - f.due * (f.all_violations / nullif(f.all_due, 0)) DESC, f.due DESC, f.branch_family) AS place
        FROM (
            SELECT
                c.branch_family,
                sum(c.due) AS due,
                sum(c.violations) AS violations,
                sum(sum(c.due)) OVER () AS all_due,
                sum(sum(c.violations)) OVER () AS all_violations
            FROM counted AS c
            GROUP BY c.branch_family
        ) AS f
    )
    SELECT c.branch_family, c.starts_at, c.due, c.violations
    FROM counted AS c
    INNER JOIN family AS f
        ON f.branch_family = c.branch_family
    WHERE f.place <= page_branches.most
    ORDER BY f.place, c.starts_at
$page_branches$;

COMMENT ON FUNCTION ghostwatch.page_branches(text, text, timestamptz, interval, integer) IS
'Like ghostwatch.page_rates(), per branch family: the families with the most violations beyond the common rate first, '
'at most so many. '
'Raises GW001 (no such contract), GW007 (no such invariant).';
