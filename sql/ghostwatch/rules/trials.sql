CREATE TYPE ghostwatch._trials AS (
    born_at timestamptz[],      -- in ascending order
    came_at timestamptz[],      -- when the related row came; infinity if it never did
    branch_families text[]
);

COMMENT ON TYPE ghostwatch._trials IS
'Subjects of the past, over which a rule is replayed.';
