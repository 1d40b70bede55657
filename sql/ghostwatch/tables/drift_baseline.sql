CREATE TABLE ghostwatch.drift_baseline (
    invariant_id integer NOT NULL REFERENCES ghostwatch.invariant ON DELETE CASCADE,
    version integer NOT NULL,
    made_at timestamptz NOT NULL,
    trials_seen bigint NOT NULL,
    history_from timestamptz NOT NULL,
    history_until timestamptz NOT NULL,
    due bigint NOT NULL,
    violations bigint NOT NULL,
    baseline_rate double precision NOT NULL,
    upper_rate double precision NOT NULL,
    hour_deviation double precision NOT NULL,
    worst_hour_excess double precision NOT NULL,
    subjects_per_day double precision NOT NULL,
    subjects_by_hour double precision[] NOT NULL,
    expected_rate double precision NOT NULL,
    days_per_false_alarm double precision NOT NULL,
    branch_ceiling double precision NOT NULL,
    threshold double precision NOT NULL,
    families ghostwatch._family_rate[] NOT NULL,
    PRIMARY KEY (invariant_id, version)
);

COMMENT ON TABLE ghostwatch.drift_baseline IS
'The baselines of an invariant under the rule drift: the rate of violations that is usual, by version; an alert names the version that decided it.';
COMMENT ON COLUMN ghostwatch.drift_baseline.trials_seen IS
'How many trials had been scored in all when this version was computed.';
COMMENT ON COLUMN ghostwatch.drift_baseline.due IS
'Trials counted in the history, leaving out minutes inside alerts; violations: those of them in violation.';
COMMENT ON COLUMN ghostwatch.drift_baseline.baseline_rate IS
'Their rate, shrunk towards the declared expected_rate, which weighs as much as a hundred trials.';
COMMENT ON COLUMN ghostwatch.drift_baseline.upper_rate IS
'Wilson''s upper 90 % bound of it: the p0 that new trials are compared with.';
COMMENT ON COLUMN ghostwatch.drift_baseline.hour_deviation IS
'Standard deviation of the rate between hours, as far as it exceeds chance.';
COMMENT ON COLUMN ghostwatch.drift_baseline.worst_hour_excess IS
'How far the rate of the worst hour of the day lies above the average, as far as that exceeds chance.';
COMMENT ON COLUMN ghostwatch.drift_baseline.subjects_by_hour IS
'Trials expected in each hour of the day (UTC, from midnight).';
COMMENT ON COLUMN ghostwatch.drift_baseline.threshold IS
'The mean of R at which a detector alarms: at most one false alarm in so many trials, halved between all trials and the branches.';
