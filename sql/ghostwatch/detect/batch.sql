CREATE TYPE ghostwatch._batch AS (
    judged integer,
    opened integer,
    born_from timestamptz,
    born_up_to timestamptz,
    unsafe_keys text[],          -- of those born after the watermark, which may be read again
    unsafe_births timestamptz[],
    unsafe_up_to timestamptz,
    trial_born_at timestamptz[], -- the trials in order of birth, for rules that count them
    trial_violated boolean[],
    trial_family text[]
);

COMMENT ON TYPE ghostwatch._batch IS
'What ghostwatch._record_judgements() returns of one batch of subjects.';
