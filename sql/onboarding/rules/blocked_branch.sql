CREATE TABLE onboarding.blocked_branch (
    pattern text NOT NULL,
    reason text NOT NULL,
    CONSTRAINT blocked_branch_pkey PRIMARY KEY (pattern),
    -- Every /start asks it: one that LIKE cannot read would stop them all.
    CONSTRAINT blocked_branch_pattern_check CHECK (pattern ~ '^([^\\]|\\.)+$')
);

COMMENT ON TABLE onboarding.blocked_branch IS
'Deep links that bring no real users: a new user who comes by one gets no row at all. Change it freely.';
COMMENT ON COLUMN onboarding.blocked_branch.pattern IS 'A LIKE pattern of deep links; write \_ for an underscore.';
COMMENT ON COLUMN onboarding.blocked_branch.reason IS 'Why it is blocked, for whoever finds it here later.';
