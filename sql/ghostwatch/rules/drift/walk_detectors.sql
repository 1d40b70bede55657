CREATE FUNCTION ghostwatch._walk_arms(
    arms ghostwatch.drift_arm[],
    baseline ghostwatch.drift_baseline,
    born_at timestamptz[],
    violated boolean[],
    branch_families text[],
    as_of timestamptz
) RETURNS SETOF ghostwatch._walk
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $_walk_arms$
    -- Takes every arm that a batch of trials concerns over it: two see all trials, and one of each branch family its own.
    -- Takes the arms so far, the baseline, the trials in order of birth and the time of the run.
    WITH stream AS (
        SELECT every_arm.arm, '' AS branch_family, _walk_arms.born_at, _walk_arms.violated
        FROM (VALUES ('slow'), ('outage')) AS every_arm (arm)
        UNION ALL
        SELECT
            'branch',
            trial.branch_family,
            array_agg(trial.born_at ORDER BY trial.place),
            array_agg(trial.violated ORDER BY trial.place)
        FROM ROWS FROM (
            unnest(_walk_arms.born_at), unnest(_walk_arms.violated), unnest(_walk_arms.branch_families)
        ) WITH ORDINALITY AS trial (born_at, violated, branch_family, place)
        GROUP BY trial.branch_family
    )
    SELECT walk.*
    FROM stream AS s
    LEFT JOIN unnest(_walk_arms.arms) AS a
        ON a.arm = s.arm
        AND a.branch_family = s.branch_family
    CROSS JOIN LATERAL ghostwatch._walk_arm(
        CASE WHEN a.arm IS NULL THEN ghostwatch._new_arm((baseline).invariant_id, s.arm, s.branch_family) ELSE a END,
        baseline, s.born_at, s.violated, as_of
    ) AS walk
$_walk_arms$;

COMMENT ON FUNCTION ghostwatch._walk_arms(ghostwatch.drift_arm[], ghostwatch.drift_baseline, timestamptz[], boolean[], text[], timestamptz) IS
'Takes every arm of the rule drift that a batch of trials concerns over it.';
