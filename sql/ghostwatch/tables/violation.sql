CREATE TABLE ghostwatch.violation (
    invariant_id integer NOT NULL REFERENCES ghostwatch.invariant ON DELETE CASCADE,
    subject_key text NOT NULL,
    born_at timestamptz NOT NULL,
    branch_family text NOT NULL,
    state text NOT NULL CHECK (state IN ('warn', 'error', 'exempt', 'recovered', 'expired')),
    opened_at timestamptz,
    escalated_at timestamptz,
    closed_at timestamptz,
    close_reason text CHECK (close_reason IN ('row_came', 'exempt', 'deleted', 'expired')),
    PRIMARY KEY (invariant_id, subject_key),
    CHECK ((closed_at IS NULL) = (state IN ('warn', 'error', 'exempt')))
) WITH (fillfactor = 80);

-- Every run reads the open ones; closed ones, by far the most, stay out of the index.
-- (Not by state: then no escalation could be a heap-only update.)
CREATE INDEX violation_open ON ghostwatch.violation (invariant_id, born_at)
WHERE closed_at IS NULL;
CREATE INDEX violation_closed_at ON ghostwatch.violation (closed_at)
WHERE closed_at IS NOT NULL;

COMMENT ON TABLE ghostwatch.violation IS
'One subject breaking one invariant, and the life of that: warn, error, then recovered or expired.';
COMMENT ON COLUMN ghostwatch.violation.state IS
'warn, error: open. exempt: without its row but not judged for the moment; opens if the subject stops being exempt in time. recovered, expired: closed.';
COMMENT ON COLUMN ghostwatch.violation.opened_at IS
'When a check run first found it; NULL for one that was exempt from the start.';
