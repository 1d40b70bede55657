CREATE TYPE ghostwatch._incident AS (
    kind text,
    severity text,
    opened_at timestamptz,
    resolved_at timestamptz,    -- NULL if it goes on past the end of the replay
    since timestamptz,
    messages integer
);

COMMENT ON TYPE ghostwatch._incident IS
'An alert that a replayed rule would have made.';
