CREATE TABLE onboarding.regional_language (
    language_code text NOT NULL,
    CONSTRAINT regional_language_pkey PRIMARY KEY (language_code),
    CONSTRAINT regional_language_language_code_check CHECK (language_code ~ '^[a-z]{2,3}$')
);

COMMENT ON TABLE onboarding.regional_language IS
'The languages of the region; language rules distinguish clients in one of them from all others. Change it freely.';
COMMENT ON COLUMN onboarding.regional_language.language_code IS
'The first part of a client''s language tag: pt stands for pt-br too.';
