CREATE FUNCTION ghostwatch._score_trials(
    invariant_id integer,
    as_of timestamptz,
    born_at timestamptz[],
    violated boolean[],
    branch_family text[]
) RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_score_trials$
-- Scores what a check has judged: every subject once, at its deadline.
-- Takes the invariant, whose check_progress row the caller has locked, the time of the run, and the trials in order of birth.
DECLARE
    baseline ghostwatch.drift_baseline := ghostwatch._current_baseline(invariant_id, as_of, born_at[1]);
BEGIN
    -- Two arms see all trials, and one of each branch family sees those of its own.
    WITH stream AS (
        SELECT every_arm.arm, '' AS branch_family, _score_trials.born_at, _score_trials.violated
        FROM (VALUES ('slow'), ('outage')) AS every_arm (arm)
        UNION ALL
        SELECT
            'branch',
            trial.branch_family,
            array_agg(trial.born_at ORDER BY trial.place),
            array_agg(trial.violated ORDER BY trial.place)
        FROM ROWS FROM (
            unnest(_score_trials.born_at), unnest(_score_trials.violated), unnest(_score_trials.branch_family)
        ) WITH ORDINALITY AS trial (born_at, violated, branch_family, place)
        GROUP BY trial.branch_family
    ),
    walked AS (
        SELECT w.arm
        FROM stream AS s
        LEFT JOIN ghostwatch.drift_arm AS a
            ON a.invariant_id = _score_trials.invariant_id
            AND a.arm = s.arm
            AND a.branch_family = s.branch_family
        CROSS JOIN LATERAL ghostwatch._walk_arm(
            CASE
                WHEN a.arm IS NULL THEN ghostwatch._new_arm(_score_trials.invariant_id, s.arm, s.branch_family)
                ELSE a
            END,
            baseline, s.born_at, s.violated, as_of
        ) AS w
    )
    INSERT INTO ghostwatch.drift_arm AS a
    SELECT (w.arm).* FROM walked AS w
    ON CONFLICT ON CONSTRAINT drift_arm_pkey DO UPDATE
    SET
        trials_seen = excluded.trials_seen,
        score = excluded.score,
        minimum_at = excluded.minimum_at,
        since = excluded.since,
        raised_at = excluded.raised_at,
        raised_since = excluded.raised_since,
        raised_score = excluded.raised_score,
        recovery = excluded.recovery,
        recovered_at = excluded.recovered_at;
END
$_score_trials$;

COMMENT ON FUNCTION ghostwatch._score_trials(integer, timestamptz, timestamptz[], boolean[], text[]) IS
'Scores the trials that a check has judged, in order of birth, for the rule drift.';
