-- Updated in place by each batch, so that pages have room for the new version of a row.
CREATE TABLE ghostwatch.judged_total (
    invariant_id integer NOT NULL REFERENCES ghostwatch.invariant ON DELETE CASCADE,
    branch_family text NOT NULL,
    due bigint NOT NULL,
    violations bigint NOT NULL,
    PRIMARY KEY (invariant_id, branch_family)
) WITH (fillfactor = 50);

COMMENT ON TABLE ghostwatch.judged_total IS
'Per invariant and branch family: how many subjects check runs have judged at their deadline, and how many of them were in violation.
Never pruned, so that differences between two moments are right.';
