CREATE FUNCTION ghostwatch._walk_detector(
    detector ghostwatch.drift_detector,
    baseline ghostwatch.drift_baseline,
    born_at timestamptz[],
    violated boolean[],
    as_of timestamptz
)
RETURNS ghostwatch._walk
LANGUAGE plpgsql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_walk_detector$
-- While the detector is lowered, its statistic climbs to the threshold; while it is raised, the reverse statistic climbs to the
-- evidence that lowers it; and so on until the batch ends.
DECLARE
    -- By chance a detector is lowered at most once in an hour's signups; with few signups, once in twenty.
    enough_to_recover constant double precision := ln(greatest(20, baseline.signups_per_day / 24));
    rates record;
    step record;
    is_raised boolean;
    walked integer := 0;
    part boolean[] := violated;
    walk ghostwatch._walk;
BEGIN
    SELECT r.* INTO rates FROM ghostwatch._detector_rates(baseline, detector.detector, detector.branch_family) AS r;
    walk.turns := '{}';
    walk.change_points := '{}';

    WHILE cardinality(part) > 0 LOOP
        is_raised := detector.raised_at IS NOT NULL AND detector.recovered_at IS NULL;

        -- Recovery is the same test with the hypotheses exchanged.
        SELECT c.* INTO step
        FROM ghostwatch._cusum(
            part,
            CASE WHEN is_raised THEN -rates.violated_weight ELSE rates.violated_weight END,
            CASE WHEN is_raised THEN -rates.healthy_weight ELSE rates.healthy_weight END,
            CASE WHEN is_raised THEN detector.recovery ELSE detector.score END,
            CASE WHEN is_raised THEN enough_to_recover ELSE baseline.threshold END
        ) AS c;

        IF is_raised THEN
            detector.recovery := step.score;
        ELSE
            detector.score := step.score;
            IF step.minimum_at IS NOT NULL THEN
                detector.minimum_at := detector.trials_seen + step.minimum_at;
                detector.since := born_at[walked + step.minimum_at + 1];
            ELSIF detector.since IS NULL THEN
                detector.since := born_at[walked + 1];
            END IF;
        END IF;

        detector.trials_seen := detector.trials_seen + coalesce(step.alarm_at, cardinality(part));
        walked := walked + coalesce(step.alarm_at, cardinality(part));
        part := violated[walked + 1:];
        CONTINUE WHEN step.alarm_at IS NULL;

        IF is_raised THEN
            detector.recovered_at := as_of;
            detector.score := 0;
            detector.minimum_at := detector.trials_seen;
            detector.since := NULL;
        ELSE
            detector.raised_at := as_of;
            detector.raised_since := detector.since;
            detector.raised_score := detector.score;
            detector.recovery := 0;
            detector.recovered_at := NULL;
        END IF;
        walk.turns := walk.turns || born_at[walked];
        walk.change_points := walk.change_points || detector.raised_since;
    END LOOP;

    walk.detector := detector;
    RETURN walk;
END
$_walk_detector$;

COMMENT ON FUNCTION ghostwatch._walk_detector(ghostwatch.drift_detector, ghostwatch.drift_baseline, timestamptz[], boolean[], timestamptz) IS
'Runs a detector of the rule drift over a batch of trials in order of birth. Returns the detector, and the births at which it was raised and lowered, in turn.';
