CREATE TYPE ghostwatch._enforcement_preview AS (
    invariant text,         -- all: those of every invariant together
    subjects bigint,
    refused bigint,         -- missing plus separate
    missing bigint,
    separate bigint,
    unknown bigint
);

COMMENT ON TYPE ghostwatch._enforcement_preview IS
'What enforcement of an invariant would have done to the subjects of a time.';
