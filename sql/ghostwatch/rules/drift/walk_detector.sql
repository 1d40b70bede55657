CREATE FUNCTION ghostwatch._walk_arm(
    arm ghostwatch.drift_arm,
    baseline ghostwatch.drift_baseline,
    born_at timestamptz[],
    violated boolean[],
    as_of timestamptz
) RETURNS ghostwatch._walk
LANGUAGE plpgsql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_walk_arm$
-- Takes an arm over a batch of trials: up to the threshold while it is down; while it is raised, up to the evidence
-- that lets it down again, and so on.
-- Takes the arm, the baseline, the trials in order of birth and the time of the run.
-- Returns the arm as it is then, and where it was raised and let down.
DECLARE
    -- By chance an arm is let down once in an hour's signups at most; with hardly any, once in twenty.
    enough_to_recover constant double precision := ln(greatest(20, baseline.signups_per_day / 24));
    rates    record;
    step     record;
    is_up    boolean;
    walked   integer := 0;
    part     boolean[] := violated;
    walk     ghostwatch._walk;
BEGIN
    SELECT r.* INTO rates FROM ghostwatch._arm_rates(baseline, arm.arm, arm.branch_family) AS r;
    walk.turns := '{}';
    walk.change_points := '{}';

    WHILE cardinality(part) > 0 LOOP
        is_up := arm.raised_at IS NOT NULL AND arm.recovered_at IS NULL;

        -- Recovery is the same test the other way round.
        SELECT c.* INTO step
        FROM ghostwatch._cusum(
            part,
            CASE WHEN is_up THEN -rates.ghost_weight ELSE rates.ghost_weight END,
            CASE WHEN is_up THEN -rates.healthy_weight ELSE rates.healthy_weight END,
            CASE WHEN is_up THEN arm.recovery ELSE arm.score END,
            CASE WHEN is_up THEN enough_to_recover ELSE baseline.threshold END
        ) AS c;

        IF is_up THEN
            arm.recovery := step.score;
        ELSE
            arm.score := step.score;
            IF step.minimum_at IS NOT NULL THEN
                arm.minimum_at := arm.trials_seen + step.minimum_at;
                arm.since := born_at[walked + step.minimum_at + 1];
            ELSIF arm.since IS NULL THEN
                arm.since := born_at[walked + 1];
            END IF;
        END IF;

        arm.trials_seen := arm.trials_seen + coalesce(step.alarm_at, cardinality(part));
        walked := walked + coalesce(step.alarm_at, cardinality(part));
        part := violated[walked + 1:];
        CONTINUE WHEN step.alarm_at IS NULL;

        IF is_up THEN
            arm.recovered_at := as_of;
            arm.score := 0;
            arm.minimum_at := arm.trials_seen;
            arm.since := NULL;
        ELSE
            arm.raised_at := as_of;
            arm.raised_since := arm.since;
            arm.raised_score := arm.score;
            arm.recovery := 0;
            arm.recovered_at := NULL;
        END IF;
        walk.turns := walk.turns || born_at[walked];
        walk.change_points := walk.change_points || arm.raised_since;
    END LOOP;

    walk.arm := arm;
    RETURN walk;
END
$_walk_arm$;

COMMENT ON FUNCTION ghostwatch._walk_arm(ghostwatch.drift_arm, ghostwatch.drift_baseline, timestamptz[], boolean[], timestamptz) IS
'Takes an arm of the rule drift over a batch of trials. Returns it, and where in the batch it was raised and let down, in turn.';
