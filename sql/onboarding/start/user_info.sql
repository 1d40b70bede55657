-- Logged, though its loss does no harm: a crash empties an unlogged table, and every new user of the last minutes
-- would then count as one without this row.
CREATE TABLE onboarding.user_info (
    user_id bigint NOT NULL,
    user_type text NOT NULL,
    memes_sent bigint NOT NULL,
    memes_watched_today bigint NOT NULL,
    interface_language text,
    refreshed_at timestamptz NOT NULL,
    CONSTRAINT user_info_pkey PRIMARY KEY (user_id)
) WITH (fillfactor = 80);

COMMENT ON TABLE onboarding.user_info IS
'A cache of what a handler asks about a user on every update; may be emptied at any time. Read it through onboarding.get_user_info().';
COMMENT ON COLUMN onboarding.user_info.memes_sent IS 'Memes sent to the user, ever.';
COMMENT ON COLUMN onboarding.user_info.memes_watched_today IS 'Memes reacted to on the day of refreshed_at, by the session''s time zone.';
COMMENT ON COLUMN onboarding.user_info.interface_language IS 'The one of the user''s languages that onboarding.language_rule.interface_rank puts first.';
