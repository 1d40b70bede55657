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
    -- Two detectors see all trials; each branch family has one more, which sees only its own.
    WITH stream AS (
        SELECT overall.detector, '' AS branch_family, _walk_detectors.born_at, _walk_detectors.violated
        FROM (VALUES ('slow'), ('outage')) AS overall (detector)
        UNION ALL
        SELECT
            'branch',
            trial.branch_family,
            array_agg(trial.born_at ORDER BY trial.place),
            array_agg(trial.violated ORDER BY trial.place)
        FROM ROWS FROM (
            unnest(_walk_detectors.born_at), unnest(_walk_detectors.violated), unnest(_walk_detectors.branch_families)
        ) WITH ORDINALITY AS trial (born_at, violated, branch_family, place)
        GROUP BY trial.branch_family
    )
    SELECT walk.*
    FROM stream AS s
    LEFT JOIN unnest(_walk_detectors.detectors) AS a
        ON a.detector = s.detector
        AND a.branch_family = s.branch_family
    CROSS JOIN LATERAL ghostwatch._walk_detector(
        CASE WHEN a.detector IS NULL THEN ghostwatch._new_detector((baseline).invariant_id, s.detector, s.branch_family) ELSE a END,
        baseline, s.born_at, s.violated, as_of
    ) AS walk
$_walk_detectors$;

COMMENT ON FUNCTION ghostwatch._walk_detectors(ghostwatch.drift_detector[], ghostwatch.drift_baseline, timestamptz[], boolean[], text[], timestamptz) IS
'Runs every detector of the rule drift that a batch of trials concerns over that batch; a detector that does not exist yet is created.';
