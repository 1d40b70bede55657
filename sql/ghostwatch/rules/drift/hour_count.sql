CREATE TYPE ghostwatch._hour_count AS (
    hour timestamptz,
    branch_family text,
    arrived bigint,     -- trials born in this hour
    matured bigint,     -- those outside alerts, ghosts among them
    ghosts bigint
);

COMMENT ON TYPE ghostwatch._hour_count IS
'What a baseline is made from: the trials of one hour and branch family.';
