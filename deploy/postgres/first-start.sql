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

CREATE ROLE ghostwatch_sidecar LOGIN PASSWORD :'sidecar_password';

-- Whoever owns a table can run code as every role that touches it, so a role without superuser owns all of this.
-- It has no password: pg_cron comes in by the socket.
CREATE ROLE ghostwatch_owner LOGIN;
GRANT CREATE ON DATABASE :"DBNAME" TO ghostwatch_owner;
GRANT CREATE ON SCHEMA public TO ghostwatch_owner;
GRANT USAGE ON SCHEMA cron TO ghostwatch_owner;
GRANT pg_read_all_stats TO ghostwatch_owner;

SET ROLE ghostwatch_owner;
CREATE EXTENSION ghostwatch;
CREATE EXTENSION ghostwatch_onboarding;
SELECT * FROM onboarding.adopt();
SELECT ghostwatch.grant_sidecar('ghostwatch_sidecar');

SELECT ghostwatch.add_channel('admins', :'chat_id');
SELECT ghostwatch.schedule();
