-- One row per batch, its keys packed in an array: ten thousand keys cost a hundred buffers rather than ten thousand.
CREATE TABLE ghostwatch.judged (
    invariant_id integer NOT NULL REFERENCES ghostwatch.invariant ON DELETE CASCADE,
    born_up_to timestamptz NOT NULL,
    subject_keys text[] NOT NULL,
    births timestamptz[] NOT NULL
);

CREATE INDEX judged_invariant_id ON ghostwatch.judged (invariant_id, born_up_to);

COMMENT ON TABLE ghostwatch.judged IS
'Subjects that were judged but were born after the watermark, so that reading that stretch again counts nobody twice.';
COMMENT ON COLUMN ghostwatch.judged.births IS
'Their birth times, in the same order: a key that is deleted and used again begins another life.';
