CREATE TABLE onboarding.language_rule (
    name text NOT NULL,
    name_pattern text,
    in_region boolean,
    language_code text,
    interface_rank smallint,
    CONSTRAINT language_rule_pkey PRIMARY KEY (name),
    -- Every /start asks it: one that is no regular expression would stop them all.
    CONSTRAINT language_rule_name_pattern_check CHECK (name_pattern IS NULL OR ('' ~ name_pattern) IS NOT NULL)
);

COMMENT ON TABLE onboarding.language_rule IS
'Which meme languages a user starts with: those of every rule that applies. Change it freely.';
COMMENT ON COLUMN onboarding.language_rule.name_pattern IS
'A regular expression that the user''s name must match; NULL: any name.';
COMMENT ON COLUMN onboarding.language_rule.in_region IS
'Whether the client''s language must (true) or must not (false) be in onboarding.regional_language; NULL: either.';
COMMENT ON COLUMN onboarding.language_rule.language_code IS
'The language that the rule gives; NULL: the client''s own.';
COMMENT ON COLUMN onboarding.language_rule.interface_rank IS
'Of a user''s languages the interface takes one that no rule names, else the one with the lowest rank.';
