CREATE TABLE ghostwatch.judged_total (
    invariant_id integer NOT NULL REFERENCES ghostwatch.invariant ON DELETE CASCADE,
    branch_family text NOT NULL,
    due bigint NOT NULL,
    violations bigint NOT NULL,
    PRIMARY KEY (invariant_id, branch_family)
) WITH (fillfactor = 50);

-- undo
DROP TABLE ghostwatch.judged_total;
