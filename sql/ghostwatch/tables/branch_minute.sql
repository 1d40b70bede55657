CREATE TABLE ghostwatch.branch_minute (
    invariant_id integer NOT NULL REFERENCES ghostwatch.invariant ON DELETE CASCADE,
    minute timestamptz NOT NULL,
    branch_family text NOT NULL,
    due integer NOT NULL,
    violations integer NOT NULL,
    PRIMARY KEY (invariant_id, minute, branch_family)
);

COMMENT ON TABLE ghostwatch.branch_minute IS
'Per invariant, minute of birth (UTC) and branch family: how many subjects reached their deadline, and how many of them in violation.';
