-- Its key is that of the violation and when that was opened, so that one violation is repaired once.
CREATE TABLE ghostwatch.repair_attempt (
    invariant_id integer NOT NULL,
    subject_key text NOT NULL,
    opened_at timestamptz NOT NULL,
    attempted_at timestamptz NOT NULL,
    outcome text NOT NULL DEFAULT 'unverified',
    error_state text,
    error_message text,
    CONSTRAINT repair_attempt_pkey PRIMARY KEY (invariant_id, subject_key, opened_at),
    CONSTRAINT repair_attempt_violation_fkey FOREIGN KEY (invariant_id, subject_key)
    REFERENCES ghostwatch.violation ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT repair_attempt_outcome_check CHECK (outcome IN ('unverified', 'repaired', 'still broken', 'failed'))
);

CREATE INDEX repair_attempt_attempted_at ON ghostwatch.repair_attempt (invariant_id, attempted_at);
CREATE INDEX repair_attempt_unverified ON ghostwatch.repair_attempt (invariant_id)
WHERE outcome = 'unverified';

COMMENT ON TABLE ghostwatch.repair_attempt IS
'What a repair did about a violation, and what the clause said afterwards; kept as long as the violation.';
COMMENT ON COLUMN ghostwatch.repair_attempt.opened_at IS
'When the violation was opened: a subject that breaks the clause again may be repaired again.';
COMMENT ON COLUMN ghostwatch.repair_attempt.outcome IS
'unverified: the repair returned, and the clause was not asked yet.
repaired: the clause holds. still broken: it does not. failed: the repair raised an error, and what it did was undone.';
COMMENT ON COLUMN ghostwatch.repair_attempt.error_state IS
'The SQLSTATE of the error that the repair raised.';
