CREATE TABLE ghostwatch.drift_detector (
    invariant_id integer NOT NULL REFERENCES ghostwatch.invariant ON DELETE CASCADE,
    branch_family text NOT NULL,
    trials_seen bigint NOT NULL DEFAULT 0,
    evidence double precision[] NOT NULL,
    climb double precision[] NOT NULL,
    since timestamptz[] NOT NULL,
    raised_at timestamptz,
    raised_since timestamptz,
    raised_evidence double precision,
    raised_loss double precision,
    recovery double precision NOT NULL DEFAULT 0,
    recovered_at timestamptz,
    PRIMARY KEY (invariant_id, branch_family)
) WITH (fillfactor = 50);

COMMENT ON TABLE ghostwatch.drift_detector IS
'The evidence of the rule drift: the state of a Shiryaev-Roberts e-detector over the trials of one invariant, or of one branch family of it.';
COMMENT ON COLUMN ghostwatch.drift_detector.branch_family IS
'The family whose trials it sees; empty for the detector that sees all.';
COMMENT ON COLUMN ghostwatch.drift_detector.evidence IS
'The statistic R of each alternative loss, in the order of ghostwatch._alternative_losses(). It stays 0 while the detector is raised.';
COMMENT ON COLUMN ghostwatch.drift_detector.climb IS
'The CUSUM of each alternative, in nats; it dates the change.';
COMMENT ON COLUMN ghostwatch.drift_detector.since IS
'For each alternative, the birth of the trial at which the CUSUM last left 0: the change-point, if there was a change.';
COMMENT ON COLUMN ghostwatch.drift_detector.raised_at IS
'The check run that last found the mean of R at the threshold; raised_since and raised_evidence are its change-point and that mean.';
COMMENT ON COLUMN ghostwatch.drift_detector.raised_loss IS
'The alternative that carried most of the evidence: the share of subjects lost who would otherwise have had their row.';
COMMENT ON COLUMN ghostwatch.drift_detector.recovery IS
'The statistic R of the reverse test since then: evidence that nobody is lost any more.';
COMMENT ON COLUMN ghostwatch.drift_detector.recovered_at IS
'The check run that lowered the detector; NULL while it is raised.';
