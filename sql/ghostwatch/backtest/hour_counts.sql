CREATE FUNCTION ghostwatch._hour_counts(
    born_at timestamptz[],
    violated boolean[],
    branch_families text[],
    incidents tstzrange[]
)
RETURNS ghostwatch._hour_count[]
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_hour_counts$
    -- What trials add to a history, for a baseline.
    -- Takes the trials, and the births that were part of incidents and say nothing about what is usual.
    SELECT coalesce(array_agg(
        ROW(h.hour, h.branch_family, h.arrived, h.due, h.violations)::ghostwatch._hour_count
    ), '{}')
    FROM (
        SELECT
            date_bin('1 hour'::interval, t.born_at, timestamptz '2000-01-01 00:00+00') AS hour,
            t.branch_family,
            count(*) AS arrived,
            count(*) FILTER (WHERE NOT t.born_at <@ ANY (incidents)) AS due,
            count(*) FILTER (WHERE t.violated AND NOT t.born_at <@ ANY (incidents)) AS violations
        FROM ROWS FROM (
            unnest(_hour_counts.born_at), unnest(_hour_counts.violated), unnest(_hour_counts.branch_families)
        ) AS t (born_at, violated, branch_family)
        GROUP BY 1, 2
    ) AS h
$_hour_counts$;

COMMENT ON FUNCTION ghostwatch._hour_counts(timestamptz[], boolean[], text[], tstzrange[]) IS
'Counts of trials per hour and branch family, setting those that were part of incidents apart.';
