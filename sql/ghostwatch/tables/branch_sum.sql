CREATE TABLE ghostwatch.branch_sum (
    invariant_id integer NOT NULL REFERENCES ghostwatch.invariant ON DELETE CASCADE,
    step text NOT NULL CHECK (step IN ('hour', 'day')),
    branch_family text NOT NULL,
    starts_at timestamptz NOT NULL,
    due bigint NOT NULL,
    violations bigint NOT NULL,
    PRIMARY KEY (invariant_id, step, branch_family, starts_at)
) WITH (fillfactor = 80);

-- For a look at all families since a moment.
CREATE INDEX branch_sum_starts_at ON ghostwatch.branch_sum (invariant_id, step, starts_at);

COMMENT ON TABLE ghostwatch.branch_sum IS
'ghostwatch.branch_minute summed up per hour and per day (UTC), for the page; kept up by triggers on that table.';
COMMENT ON COLUMN ghostwatch.branch_sum.branch_family IS
'The family; empty for all families together.';
