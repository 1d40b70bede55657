CREATE FUNCTION onboarding.adopt(
    keep_own_start boolean DEFAULT false,
    due_after interval DEFAULT '0',
    leave_out text[] DEFAULT '{}',
    time_zone text DEFAULT NULL
)
RETURNS TABLE (
    object text,
    finding text,
    advice text
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $adopt$
-- Takes the bot's tables in public under the contract onboarding: creates those that are missing, alters none.
-- keep_own_start: the application keeps its own /start. due_after: how old a user may be before what /start does is missed;
-- an application that does it in several transactions needs a minute. leave_out: clauses that the application does not keep,
-- such as {user_info, start_announced}. time_zone: in which birth times without one are read.
-- Returns what it found, with the statement to type where something is left to do. Calling it again brings everything up to date.
-- Raises GW103 for tables that cannot be worked with, GW104 for clauses that do not exist, GW105 for an age that is
-- none; nothing is changed then.
DECLARE
    obstacles constant text := (
        SELECT string_agg(o.obstacle, E'\n' ORDER BY o.obstacle) FROM onboarding._obstacles(coalesce(adopt.keep_own_start, false)) AS o (obstacle)
    );
    unknown_clauses constant text[] := ARRAY(
        SELECT quote_nullable(given.name) FROM unnest(adopt.leave_out) AS given (name)
        WHERE given.name IS NULL OR given.name NOT IN (SELECT c.name FROM onboarding._clauses() AS c)
    );
    start_owner constant regrole := (
        SELECT p.proowner::regrole FROM pg_proc AS p
        WHERE p.oid = 'onboarding.start(bigint, text, text, text, boolean, text, text)'::regprocedure
    );
    created text[];
BEGIN
    IF unknown_clauses <> '{}' THEN
        RAISE EXCEPTION 'the onboarding contract has no clause %', array_to_string(unknown_clauses, ', ')
        USING
            ERRCODE = 'GW104',
            DETAIL = format('Its clauses: %s.', (SELECT string_agg(c.name, ', ') FROM onboarding._clauses() AS c)),
            HINT = 'SELECT * FROM onboarding.adopt(leave_out => ''{user_info,start_announced}'');';
    END IF;

    IF (adopt.due_after BETWEEN '0' AND '20 minutes') IS NOT TRUE THEN
        RAISE EXCEPTION 'what /start does cannot be due after %', coalesce(adopt.due_after::text, 'NULL')
        USING
            ERRCODE = 'GW105',
            DETAIL = 'It is due at once (0), or within 20 minutes; after 25 minutes nobody looks for it any more.',
            HINT = 'SELECT * FROM onboarding.adopt(keep_own_start => true, due_after => ''1 minute'');';
    END IF;

    IF obstacles IS NOT NULL THEN
        RAISE EXCEPTION 'the tables of the bot in schema public cannot be adopted as they are'
        USING
            ERRCODE = 'GW103',
            DETAIL = obstacles,
            HINT = 'Change what is listed, or keep the application''s own /start: SELECT * FROM onboarding.adopt(keep_own_start => true);';
    END IF;

    created := ARRAY(SELECT t.name FROM onboarding._create_missing_tables() AS t (name));

    -- start() runs as its owner, who may be another role than the one whose tables these are.
    IF start_owner <> quote_ident(current_user)::regrole AND created <> '{}' THEN
        EXECUTE format(
            'GRANT SELECT, INSERT, UPDATE ON TABLE %s TO %s',
            (SELECT string_agg(format('public.%I', t.name), ', ') FROM unnest(created) AS t (name)),
            start_owner
        );
    END IF;

    IF NOT EXISTS (SELECT FROM ghostwatch.contract WHERE contract.name = 'onboarding') THEN
        PERFORM onboarding._ship_rules();
    END IF;

    PERFORM onboarding._declare_contract(adopt.due_after, coalesce(adopt.leave_out, '{}'), adopt.time_zone);

    RETURN QUERY SELECT f.object, f.finding, f.advice FROM onboarding._findings(created) AS f;
END
$adopt$;

COMMENT ON FUNCTION onboarding.adopt(boolean, interval, text[], text) IS
'Takes the bot''s tables in public under the contract onboarding: creates those that are missing, alters none, and says what it found.
keep_own_start: the application keeps its own /start. due_after: the age (an interval) at which what /start does is due.
leave_out: clauses that the application does not keep. time_zone: in which birth times without one are read (default: this session''s).
Raises GW103 (tables that cannot be worked with, all listed; nothing is changed), GW104 (no such clause), GW105 (due_after is negative or too long).';
