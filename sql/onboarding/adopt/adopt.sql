CREATE FUNCTION onboarding.adopt(
    keep_own_start boolean DEFAULT NULL,
    due_after interval DEFAULT NULL,
    leave_out text[] DEFAULT NULL,
    time_zone text DEFAULT NULL,
    renew boolean DEFAULT false
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
DECLARE
    before onboarding.adoption;
    after onboarding.adoption;
    is_first boolean;
    obstacles text;
    unknown_clauses text[];
    start_owner constant regrole := (
        SELECT p.proowner::regrole FROM pg_proc AS p
        WHERE p.oid = 'onboarding.start(bigint, text, text, text, boolean, text, text)'::regprocedure
    );
    created text[];
BEGIN
    -- Of a contract that was dropped, nothing is kept.
    SELECT a.* INTO before
    FROM onboarding.adoption AS a
    WHERE EXISTS (SELECT FROM ghostwatch.contract AS c WHERE c.name = 'onboarding');
    is_first := NOT FOUND;
    after := ghostwatch._apply_declaration(
        before,
        jsonb_build_object('keep_own_start', adopt.keep_own_start, 'due_after', adopt.due_after, 'leave_out', adopt.leave_out),
        '{}'
    );

    unknown_clauses := ARRAY(
        SELECT quote_nullable(given.name) FROM unnest(after.leave_out) AS given (name)
        WHERE given.name IS NULL OR given.name NOT IN (SELECT c.name FROM onboarding._clauses() AS c)
    );
    IF unknown_clauses <> '{}' THEN
        RAISE EXCEPTION 'the onboarding contract has no clause %', array_to_string(unknown_clauses, ', ')
        USING
            ERRCODE = 'GW104',
            DETAIL = format('Its clauses: %s.', (SELECT string_agg(c.name, ', ') FROM onboarding._clauses() AS c)),
            HINT = 'SELECT * FROM onboarding.adopt(leave_out => ''{user_info,start_announced}'');';
    END IF;

    IF NOT after.due_after BETWEEN '0' AND '20 minutes' THEN
        RAISE EXCEPTION 'what /start does cannot be due after %', after.due_after
        USING
            ERRCODE = 'GW105',
            DETAIL = 'It is due at once (0), or within 20 minutes; after 25 minutes nobody looks for it any more.',
            HINT = 'SELECT * FROM onboarding.adopt(keep_own_start => true, due_after => ''1 minute'');';
    END IF;

    SELECT string_agg(o.obstacle, E'\n' ORDER BY o.obstacle)
    INTO obstacles
    FROM onboarding._obstacles(after.keep_own_start) AS o (obstacle);
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

    -- Without a rule for languages, no new user would get one.
    IF is_first OR NOT EXISTS (SELECT FROM onboarding.language_rule) THEN
        PERFORM onboarding._ship_rules();
    END IF;

    PERFORM onboarding._declare_contract(after.leave_out, after.due_after, adopt.due_after, adopt.time_zone, is_first OR coalesce(adopt.renew, false));

    INSERT INTO onboarding.adoption AS a (keep_own_start, due_after, leave_out)
    VALUES (after.keep_own_start, after.due_after, after.leave_out)
    ON CONFLICT ON CONSTRAINT adoption_pkey DO UPDATE
    SET keep_own_start = excluded.keep_own_start,
        due_after = excluded.due_after,
        leave_out = excluded.leave_out;

    RETURN QUERY SELECT f.object, f.finding, f.advice FROM onboarding._findings(created) AS f;
END
$adopt$;

COMMENT ON FUNCTION onboarding.adopt(boolean, interval, text[], text, boolean) IS
'Takes the bot''s tables in public under the contract onboarding: creates those that are missing, alters none.
Returns what it found, with the statement to type where something is left to do.
Called again, it declares what is missing and changes only what is given, so that it never reverts what an operator
declared otherwise.
keep_own_start: the application keeps its own /start (default: false). due_after: the age (an interval, default: 0) at which what /start does is due.
leave_out: clauses that the application does not keep, such as {user_info,start_announced} (default: none). time_zone: in which birth times without one are read (default: this session''s).
renew: declare the expressions of every clause as this version brings them, in place of an operator''s.
Raises GW103 (tables that cannot be worked with, all listed; nothing is changed), GW104 (no such clause), GW105 (due_after is negative or too long).';
