CREATE TYPE ghostwatch._hour_count AS (
    hour timestamptz,
    branch_family text,
    arrived bigint,     -- trials born in this hour
    due bigint,         -- those outside alerts, violations among them
    violations bigint
);

COMMENT ON TYPE ghostwatch._hour_count IS
'The trials of one hour and branch family, of which a baseline is made.';
