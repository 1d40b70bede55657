CREATE TYPE ghostwatch._family_rate AS (
    branch_family text,
    due bigint,                 -- trials counted, violations among them
    violations bigint,
    baseline_rate double precision,
    upper_rate double precision     -- what it may be for all we know, and what the branch is measured by
);

COMMENT ON TYPE ghostwatch._family_rate IS
'What is usual for one branch family, as part of a baseline of the rule drift.';
