CREATE FUNCTION ghostwatch._hour_counts(
    births timestamptz[],
    due integer[],
    violations integer[],
    branch_families text[],
    incidents tstzrange[]
)
RETURNS ghostwatch._hour_count[]
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_hour_counts$
    -- Births inside incidents are no part of a baseline, but they did arrive.
    SELECT coalesce(array_agg(
        ROW(h.hour, h.branch_family, h.arrived, h.due, h.violations)::ghostwatch._hour_count
    ), '{}')
    FROM (
        SELECT
            date_bin('1 hour'::interval, t.born_at, timestamptz '2000-01-01 00:00+00') AS hour,
            t.branch_family,
            sum(t.due) AS arrived,
            coalesce(sum(t.due) FILTER (WHERE outside.is_so), 0) AS due,
            coalesce(sum(t.violations) FILTER (WHERE outside.is_so), 0) AS violations
        FROM ROWS FROM (
            unnest(_hour_counts.births), unnest(_hour_counts.due), unnest(_hour_counts.violations), unnest(_hour_counts.branch_families)
        ) AS t (born_at, due, violations, branch_family)
        CROSS JOIN LATERAL (SELECT NOT t.born_at <@ ANY (incidents) AS is_so) AS outside
        GROUP BY 1, 2
    ) AS h
$_hour_counts$;

COMMENT ON FUNCTION ghostwatch._hour_counts(timestamptz[], integer[], integer[], text[], tstzrange[]) IS
'Counts per hour and branch family for a baseline, from counts per birth time (due: subjects; violations: those of them in violation).
Births inside incidents count as arrived only.';
