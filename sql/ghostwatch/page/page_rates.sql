CREATE FUNCTION ghostwatch.page_rates(
    contract text,
    invariant text,
    since timestamptz,
    step interval DEFAULT '1 hour'
)
RETURNS TABLE (
    starts_at timestamptz,
    due bigint,
    violations bigint
)
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 500
-- A definer, so that the viewer's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $page_rates$
    -- A step of hours needs a moment at a whole hour, and one of days midnight (UTC).
    SELECT b.starts_at, b.due, b.violations
    FROM ghostwatch._branch_counts(ghostwatch._invariant_id(page_rates.contract, page_rates.invariant), page_rates.since, page_rates.step, false) AS b
    ORDER BY b.starts_at
$page_rates$;

COMMENT ON FUNCTION ghostwatch.page_rates(text, text, timestamptz, interval) IS
'Subjects that reached their deadline and violations among them over time, for the page. Takes the invariant, the
moment to begin with and the length of a step, which counts from it. Returns the steps in which anybody was due, by
birth time. Raises GW001 (no such contract), GW007 (no such invariant).';
