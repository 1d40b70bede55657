CREATE TABLE ghostwatch.drift_detector (
    invariant_id integer NOT NULL REFERENCES ghostwatch.invariant ON DELETE CASCADE,
    detector text NOT NULL CHECK (detector IN ('slow', 'outage', 'branch')),
    branch_family text NOT NULL,
    trials_seen bigint NOT NULL DEFAULT 0,
    score double precision NOT NULL DEFAULT 0,
    minimum_at bigint NOT NULL DEFAULT 0,
    since timestamptz,
    raised_at timestamptz,
    raised_since timestamptz,
    raised_score double precision,
    recovery double precision NOT NULL DEFAULT 0,
    recovered_at timestamptz,
    PRIMARY KEY (invariant_id, detector, branch_family)
) WITH (fillfactor = 50);

COMMENT ON TABLE ghostwatch.drift_detector IS
'How far each detector of the rule drift has climbed: the state of a CUSUM over the trials of one invariant, or of one branch family of it.';
COMMENT ON COLUMN ghostwatch.drift_detector.detector IS
'slow: a rate somewhat higher. outage: a rate that says broken. branch: the same for one branch family.';
COMMENT ON COLUMN ghostwatch.drift_detector.branch_family IS
'The family whose trials it sees; empty for the detectors that see all.';
COMMENT ON COLUMN ghostwatch.drift_detector.score IS
'The statistic S, in nats. It stands still while the detector is raised.';
COMMENT ON COLUMN ghostwatch.drift_detector.minimum_at IS
'How many trials had been seen when S last was 0.';
COMMENT ON COLUMN ghostwatch.drift_detector.since IS
'The birth of the first trial after that: the change-point, if there was a change. NULL until that trial comes.';
COMMENT ON COLUMN ghostwatch.drift_detector.raised_at IS
'The check run that last found S at the threshold; raised_since and raised_score are its change-point and S then.';
COMMENT ON COLUMN ghostwatch.drift_detector.recovery IS
'The reverse statistic since then, in nats: evidence that the rate is usual again.';
COMMENT ON COLUMN ghostwatch.drift_detector.recovered_at IS
'The check run that found enough of it; NULL while the detector is raised.';
