CREATE FUNCTION ghostwatch._walk_detector(
    detector ghostwatch.drift_detector,
    baseline ghostwatch.drift_baseline,
    born_at timestamptz[],
    violated boolean[],
    usual_rates double precision[],
    as_of timestamptz
)
RETURNS ghostwatch._walk
LANGUAGE plpgsql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_walk_detector$
-- The mixture Shiryaev-Roberts e-detector (Shin, Ramdas, Rinaldo: "E-detectors: a nonparametric framework for sequential
-- change detection", 2024). For each alternative loss, R becomes (1 + R) * L with every trial, where L is the likelihood
-- ratio of the alternative to the usual rate; the detector is raised when the mean of R reaches the threshold. On
-- average that takes as many healthy trials as the threshold at least, however they depend on each other, unless their
-- rate exceeds the usual one. While the detector is raised, the same test with the roles of both rates exchanged says
-- when it has recovered. A healthy trial weighs the same in every branch, so that the loop is over violated ones and
-- takes the stretches between in one step.
DECLARE
    losses            constant double precision[] := ghostwatch._alternative_losses();
    nothing           constant ghostwatch.drift_detector := ghostwatch._new_detector(detector.invariant_id, detector.branch_family);
    -- By chance a detector recovers once in a day's trials at most.
    enough_to_recover constant double precision := greatest(100, baseline.subjects_per_day);
    evidence double precision[] := detector.evidence;
    climb    double precision[] := detector.climb;
    since    timestamptz[] := detector.since;
    is_raised    boolean := detector.raised_at IS NOT NULL AND detector.recovered_at IS NULL;
    trial    record;
    walk     ghostwatch._walk;
    passed   integer := 0;
    healthy  integer;
    needed   integer;
    ratio    double precision;
    mean     double precision;
    likeliest integer;
BEGIN
    FOR trial IN
        SELECT t.place::integer AS place, t.born_at, t.usual_rate
        FROM ROWS FROM (unnest(violated), unnest(born_at), unnest(usual_rates)) WITH ORDINALITY AS t (violated, born_at, usual_rate, place)
        WHERE t.violated
        UNION ALL
        SELECT cardinality(violated) + 1, NULL, NULL
        ORDER BY place
    LOOP
        -- Healthy trials while the detector is raised: all of them, or as many as are evidence enough.
        healthy := trial.place - passed - 1;
        IF is_raised AND healthy > 0 THEN
            ratio := 1 / (1 - detector.raised_loss);
            needed := greatest(1, ceil(
                ln((enough_to_recover + ratio / (ratio - 1)) / (detector.recovery + ratio / (ratio - 1))) / ln(ratio)
            )::integer);
            detector.recovery := ghostwatch._after_healthy(detector.recovery, ratio, least(needed, healthy));
            IF needed <= healthy THEN
                is_raised := false;
                detector.recovered_at := as_of;
                walk.turns := walk.turns || born_at[passed + needed];
                walk.change_points := walk.change_points || detector.raised_since;
                walk.losses := walk.losses || detector.raised_loss;
                healthy := healthy - needed;
            END IF;
        END IF;

        -- Healthy trials otherwise.
        IF NOT is_raised AND healthy > 0 THEN
            FOR k IN 1..cardinality(losses) LOOP
                evidence[k] := ghostwatch._after_healthy(evidence[k], 1 - losses[k], healthy);
                climb[k] := greatest(0, climb[k] + healthy * ln(1 - losses[k]));
            END LOOP;
        END IF;

        passed := trial.place;
        EXIT WHEN passed > cardinality(violated);

        -- A trial in violation is evidence against recovery,
        IF is_raised THEN
            detector.recovery := (1 + detector.recovery)
                * trial.usual_rate / ghostwatch._lossy_rate(trial.usual_rate, detector.raised_loss);
            CONTINUE;
        END IF;

        -- or for the alternatives.
        mean := 0;
        likeliest := 1;
        FOR k IN 1..cardinality(losses) LOOP
            IF climb[k] = 0 THEN
                since[k] := trial.born_at;
            END IF;
            ratio := ghostwatch._lossy_rate(trial.usual_rate, losses[k]) / trial.usual_rate;
            evidence[k] := (1 + evidence[k]) * ratio;
            climb[k] := climb[k] + ln(ratio);
            mean := mean + evidence[k] / cardinality(losses);
            IF evidence[k] > evidence[likeliest] THEN
                likeliest := k;
            END IF;
        END LOOP;
        CONTINUE WHEN mean < baseline.threshold;

        is_raised := true;
        detector.raised_at := as_of;
        detector.raised_since := since[likeliest];
        detector.raised_evidence := mean;
        detector.raised_loss := losses[likeliest];
        detector.recovery := 0;
        detector.recovered_at := NULL;
        evidence := nothing.evidence;
        climb := nothing.climb;
        since := nothing.since;
        walk.turns := walk.turns || trial.born_at;
        walk.change_points := walk.change_points || detector.raised_since;
        walk.losses := walk.losses || detector.raised_loss;
    END LOOP;

    detector.trials_seen := detector.trials_seen + cardinality(violated);
    detector.evidence := evidence;
    detector.climb := climb;
    detector.since := since;
    walk.detector := detector;
    RETURN walk;
END
$_walk_detector$;

COMMENT ON FUNCTION ghostwatch._walk_detector(
    ghostwatch.drift_detector, ghostwatch.drift_baseline, timestamptz[], boolean[], double precision[], timestamptz
) IS
'Runs a detector of the rule drift over a batch of trials in order of birth. Returns the detector, and the births at
which it was raised and recovered, in turn. Takes the detector, the baseline, the trials in order of birth, the usual
rate of each, and the time of the run.';
