CREATE TABLE onboarding.adoption (
    only_row boolean NOT NULL DEFAULT true,
    keep_own_start boolean NOT NULL DEFAULT false,
    due_after interval NOT NULL DEFAULT '0',
    leave_out text[] NOT NULL DEFAULT '{}',
    CONSTRAINT adoption_pkey PRIMARY KEY (only_row),
    CONSTRAINT adoption_only_row_check CHECK (only_row)
);

COMMENT ON TABLE onboarding.adoption IS
'The last arguments of onboarding.adopt(); called again, it keeps what is not given. The defaults of the columns are those of its arguments.';
COMMENT ON COLUMN onboarding.adoption.only_row IS 'Always true: the table has one row.';
COMMENT ON COLUMN onboarding.adoption.keep_own_start IS 'Whether the application keeps its own /start.';
COMMENT ON COLUMN onboarding.adoption.due_after IS 'The age at which what /start does is due in a clause that is declared for the first time.';
COMMENT ON COLUMN onboarding.adoption.leave_out IS 'The clauses that the application does not keep.';
