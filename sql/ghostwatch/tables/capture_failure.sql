-- Written in the transactions of others where their arrival could not be: so another table, and one row a statement.
CREATE TABLE ghostwatch.capture_failure (
    capture_failure_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    contract_id integer NOT NULL,
    failed_at timestamptz NOT NULL,
    subject_keys text[] NOT NULL,
    error_state text NOT NULL,
    error_message text NOT NULL,
    taken_up_at timestamptz
);

CREATE INDEX capture_failure_waiting ON ghostwatch.capture_failure (contract_id)
WHERE taken_up_at IS NULL;

COMMENT ON TABLE ghostwatch.capture_failure IS
'Arrivals that capture could not note in ghostwatch.arrival; the next check run does. Kept for a day.';
COMMENT ON COLUMN ghostwatch.capture_failure.taken_up_at IS
'When a check run recorded these arrivals.';
