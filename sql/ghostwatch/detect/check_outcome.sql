CREATE TYPE ghostwatch._check_outcome AS (
    judged integer,       -- subjects judged
    opened integer,       -- violations opened
    backlog boolean,      -- more subjects are waiting to be judged
    error_state text,     -- SQLSTATE of what went wrong, or NULL
    error_message text
);

COMMENT ON TYPE ghostwatch._check_outcome IS
'What became of one check of one invariant.';
