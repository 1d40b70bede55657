-- Written in the transactions of others: no key to wait for, nothing to refuse, one index at whose end rows come in.
CREATE TABLE ghostwatch.arrival (
    contract_id integer NOT NULL,
    arrived_at timestamptz NOT NULL,
    subject_key text NOT NULL
);

CREATE INDEX arrival_arrived_at ON ghostwatch.arrival (contract_id, arrived_at);

COMMENT ON TABLE ghostwatch.arrival IS
'Subjects of contracts with capture, noted by a trigger as they came, until nobody judges them any more.';
COMMENT ON COLUMN ghostwatch.arrival.arrived_at IS
'By the database''s own clock; it counts as the birth time.';
