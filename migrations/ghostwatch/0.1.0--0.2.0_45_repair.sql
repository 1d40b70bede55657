ALTER TABLE ghostwatch.invariant ADD COLUMN repair text;
ALTER TABLE ghostwatch.invariant ADD COLUMN repair_limit integer CHECK (repair_limit >= 0);

ALTER TABLE ghostwatch.alert ADD COLUMN repair_requested_at timestamptz;
ALTER TABLE ghostwatch.alert ADD COLUMN repair_requested_by text;

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

-- undo
-- loses: SELECT format('the record of %s repairs', count(*)) FROM ghostwatch.repair_attempt HAVING count(*) > 0
-- loses: SELECT format('the repairs of %s invariants', count(*)) FROM ghostwatch.invariant WHERE repair IS NOT NULL HAVING count(*) > 0
DROP TABLE ghostwatch.repair_attempt;
ALTER TABLE ghostwatch.alert DROP COLUMN repair_requested_by;
ALTER TABLE ghostwatch.alert DROP COLUMN repair_requested_at;
ALTER TABLE ghostwatch.invariant DROP COLUMN repair_limit;
ALTER TABLE ghostwatch.invariant DROP COLUMN repair;
