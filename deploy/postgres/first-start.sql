-- What the compose stack's database begins with: the bot's tables, the contract over them, a check run every
-- minute, a role that may deliver and nothing else, and the chat that is told.
\getenv chat_id GHOSTWATCH_CHAT_ID
\set sidecar_password `cat /run/secrets/sidecar_password`
-- A role without a password could never come in, and would not be made anew at a later start.
SELECT :'sidecar_password' = '' AS has_no_password \gset
\if :has_no_password
    DO $$ BEGIN RAISE 'the secret sidecar_password is empty, or the user postgres cannot read it'; END $$;
\endif

CREATE EXTENSION pg_cron;
CREATE EXTENSION ghostwatch;
CREATE EXTENSION ghostwatch_onboarding;
SELECT * FROM onboarding.adopt();

CREATE ROLE ghostwatch_sidecar LOGIN PASSWORD :'sidecar_password';
SELECT ghostwatch.grant_sidecar('ghostwatch_sidecar');

SELECT ghostwatch.add_channel('admins', :'chat_id');
SELECT ghostwatch.schedule();
