CREATE TYPE ghostwatch._family_rate AS (
    branch_family text,
    matured bigint,                 -- trials counted, ghosts among them
    ghosts bigint,
    usual_rate double precision,
    upper_rate double precision     -- what it may be for all we know, and what the branch is measured by
);

COMMENT ON TYPE ghostwatch._family_rate IS
'What is usual for one branch family, as part of a baseline of the rule drift.';
