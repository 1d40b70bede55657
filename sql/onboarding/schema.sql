CREATE SCHEMA onboarding;

COMMENT ON SCHEMA onboarding IS
'What every new user of the bot must get. Names that begin with _ are private.';
