CREATE TYPE ghostwatch._firing AS (
    kind text,                  -- violations or no_signups
    severity text,
    begins_at timestamptz,
    ends_at timestamptz,        -- NULL if it goes on past the end of the replay
    since timestamptz           -- births from here on made it
);

COMMENT ON TYPE ghostwatch._firing IS
'A stretch of time in which a replayed rule found something wrong.';
