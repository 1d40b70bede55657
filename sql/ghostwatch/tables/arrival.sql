-- Written in the transactions of others: one index, at whose end rows come in. A conflict is no error there, and its
-- primary key is the replica identity, without which a publication of all tables would refuse to delete arrivals.
CREATE TABLE ghostwatch.arrival (
    contract_id integer NOT NULL,
    arrived_at timestamptz NOT NULL,
    subject_key text NOT NULL,
    PRIMARY KEY (contract_id, arrived_at, subject_key)
);

COMMENT ON TABLE ghostwatch.arrival IS
'Subjects of contracts with capture, recorded by a trigger as they came, until nobody judges them any more.';
COMMENT ON COLUMN ghostwatch.arrival.arrived_at IS
'By the database''s own clock; it counts as the birth time.';
