CREATE TYPE ghostwatch._family_rate AS (
    branch_family text,
    due bigint,                 -- trials counted, violations among them
    violations bigint,
    baseline_rate double precision,
    upper_rate double precision     -- Wilson's upper bound, which the branch is compared with
);

COMMENT ON TYPE ghostwatch._family_rate IS
'The usual rate of one branch family, as part of a baseline of the rule drift.';
