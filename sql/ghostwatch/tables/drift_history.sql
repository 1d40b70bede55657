CREATE TABLE ghostwatch.drift_history (
    invariant_id integer PRIMARY KEY REFERENCES ghostwatch.invariant ON DELETE CASCADE,
    begins_at timestamptz NOT NULL,
    is_complete boolean NOT NULL DEFAULT false
);

COMMENT ON TABLE ghostwatch.drift_history IS
'From when on the counts of an invariant are part of its baseline: earlier ones were made by another definition, or declared not to be usual.';
COMMENT ON COLUMN ghostwatch.drift_history.is_complete IS
'Whether nothing earlier is to be read from the application''s own rows: it was read, or is declared not to be usual.';
