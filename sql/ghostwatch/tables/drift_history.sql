CREATE TABLE ghostwatch.drift_history (
    invariant_id integer PRIMARY KEY REFERENCES ghostwatch.invariant ON DELETE CASCADE,
    begins_at timestamptz NOT NULL
);

COMMENT ON TABLE ghostwatch.drift_history IS
'From when on the counts of an invariant are part of its baseline: earlier ones were made by another definition, or declared not to be usual.';
