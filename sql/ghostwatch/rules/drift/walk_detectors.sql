CREATE FUNCTION ghostwatch._walk_detectors(
    detectors ghostwatch.drift_detector[],
    baseline ghostwatch.drift_baseline,
    born_at timestamptz[],
    violated boolean[],
    branch_families text[],
    as_of timestamptz
)
RETURNS SETOF ghostwatch._walk
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $_walk_detectors$
    -- One detector sees all trials; each branch family has one more, which sees only its own.
    -- A trial is measured by the usual rate of its own branch in both, so that more signups through a branch with a high
    -- usual rate are no evidence. A branch that reaches the ceiling is broken whatever is usual.
    WITH family AS MATERIALIZED (
        SELECT f.branch_family, ghostwatch._usual_rate(baseline, f.branch_family) AS usual_rate
        FROM (SELECT DISTINCT branch_family FROM unnest(_walk_detectors.branch_families) AS branch_family) AS f
    ),
    trial AS (
        SELECT t.born_at, t.violated, t.branch_family, t.place, f.usual_rate
        FROM ROWS FROM (
            unnest(_walk_detectors.born_at), unnest(_walk_detectors.violated), unnest(_walk_detectors.branch_families)
        ) WITH ORDINALITY AS t (born_at, violated, branch_family, place)
        JOIN family AS f
            ON f.branch_family = t.branch_family
    ),
    stream AS (
        SELECT
            '' AS branch_family,
            array_agg(t.born_at ORDER BY t.place) AS born_at,
            array_agg(t.violated ORDER BY t.place) AS violated,
            array_agg(t.usual_rate ORDER BY t.place) AS usual_rates
        FROM trial AS t
        UNION ALL
        SELECT
            t.branch_family,
            array_agg(t.born_at ORDER BY t.place),
            array_agg(t.violated ORDER BY t.place),
            array_agg(least(t.usual_rate, 0.75 * (baseline).branch_ceiling) ORDER BY t.place)
        FROM trial AS t
        GROUP BY t.branch_family
    )
    SELECT walk.*
    FROM stream AS s
    LEFT JOIN unnest(_walk_detectors.detectors) AS d
        ON d.branch_family = s.branch_family
    CROSS JOIN LATERAL ghostwatch._walk_detector(
        CASE WHEN d.branch_family IS NULL THEN ghostwatch._new_detector((baseline).invariant_id, s.branch_family) ELSE d END,
        baseline, s.born_at, s.violated, s.usual_rates, as_of
    ) AS walk
$_walk_detectors$;

COMMENT ON FUNCTION ghostwatch._walk_detectors(ghostwatch.drift_detector[], ghostwatch.drift_baseline, timestamptz[], boolean[], text[], timestamptz) IS
'Runs every detector of the rule drift that a batch of trials concerns over that batch; a detector that does not exist yet is created.';
