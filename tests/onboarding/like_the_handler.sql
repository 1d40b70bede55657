-- What start() does like the handler that it replaces, and what it does differently: docs/contract.md, point by point.
BEGIN;
SELECT plan(27);

SET LOCAL client_min_messages = warning;
SELECT count(*) FROM onboarding.adopt();

CREATE FUNCTION pg_temp.kept(VARIADIC links text[]) RETURNS text LANGUAGE plpgsql AS $$
    -- The link that is kept of somebody new who comes by these, one after the other.
    DECLARE
        new_id bigint := (SELECT coalesce(max(id), 0) + 1 FROM public.user_tg);
        link text;
    BEGIN
        FOREACH link IN ARRAY links LOOP
            PERFORM onboarding.start(new_id, 'Anna', deep_link => link);
        END LOOP;
        RETURN (SELECT t.deep_link FROM public.user_tg AS t WHERE t.id = new_id);
    END
$$;
CREATE FUNCTION pg_temp.languages(name text, language_code text) RETURNS text LANGUAGE plpgsql AS $$
    -- The languages that somebody new gets.
    DECLARE
        new_id bigint := (SELECT coalesce(max(id), 0) + 1 FROM public.user_tg);
    BEGIN
        PERFORM onboarding.start(new_id, languages.name, language_code => languages.language_code);
        RETURN (SELECT string_agg(l.language_code, ' ' ORDER BY l.language_code) FROM public.user_language AS l WHERE l.user_id = new_id);
    END
$$;

-- Sticky links.
SELECT is(pg_temp.kept('s_1_2', 'kitchen', 's_3_4'), 's_1_2', 'like it: a link that shares a meme is kept for ever');
SELECT is(pg_temp.kept('kitchen', 'wrapped', NULL), 'wrapped', 'like it: any other gives way to the next link, and to no missing one');
SELECT is(pg_temp.kept('m_1_2', 'kitchen'), 'm_1_2', 'differently: m_ links are sticky, too');
SELECT is(pg_temp.kept('s_1_2x', 'kitchen'), 'kitchen', 'differently: only a whole link shares a meme, not one that begins like it');

-- Languages.
SELECT results_eq(
    $$ SELECT r.language_code FROM onboarding.regional_language AS r ORDER BY 1 $$,
    $$ VALUES ('az'), ('be'), ('bg'), ('bs'), ('hr'), ('kk'), ('ky'), ('mk'), ('mn'), ('ru'), ('sl'), ('sr'), ('tg'), ('tt'), ('uk'), ('uz') $$,
    'like it: sixteen languages of the region; differently: Kazakh by its code kk, not by its country kz'
);
SELECT is(pg_temp.languages('Anna', 'sr'), 'ru sr', 'like it: a client in the region gets Russian and its own');
SELECT is(pg_temp.languages('Anna', 'fr'), 'en fr', 'like it: a client elsewhere gets English and its own');
SELECT is(pg_temp.languages('Anna', NULL), 'en', 'like it: without a language, English');
SELECT is(pg_temp.languages('Аня', 'en'), 'en ru', 'like it: a name with Russian letters gets Russian');
SELECT is(pg_temp.languages('АНЯ', 'en'), 'en ru', 'differently: capital letters, too');
SELECT is(pg_temp.languages('Anna', 'uk-UA'), 'ru uk-UA', 'differently: with a country, too');
SELECT is(pg_temp.languages('Anna', 'kk'), 'kk ru', 'differently: Kazakh is of the region');

-- Who is blocked.
SELECT ok((onboarding.start(1000, 'Bot', deep_link => 'likefollowbot')).blocked, 'like it: somebody new by likefollowbot is dropped');
SELECT ok((onboarding.start(1000, 'Bot', deep_link => 'tapps_store')).blocked, 'like it: and by a link that begins with tapps');
SELECT is_empty('SELECT FROM public.user_tg WHERE id = 1000', 'like it: without any row');
SELECT onboarding.start(1001, 'Anna');
SELECT ok(NOT (onboarding.start(1001, 'Anna', deep_link => 'likefollowbot')).blocked, 'like it: somebody known is served');
INSERT INTO public.user_tg (id, first_name) VALUES (1002, 'Anna');
SELECT ok(
    (onboarding.start(1002, 'Anna', deep_link => 'tapps')).blocked, 'differently: known is who has a row in user, a profile is not enough'
);
SELECT ok(NOT (onboarding.start(1003, 'Anna', deep_link => 'tapps store')).blocked, 'differently: typed text blocks nobody');

-- Ghosts that return.
DELETE FROM public.user_language WHERE user_id = 1001;
SELECT onboarding.start(1001, 'Anna', language_code => 'de');
SELECT results_eq(
    'SELECT l.language_code FROM public.user_language AS l WHERE l.user_id = 1001 ORDER BY 1', $$ VALUES ('de'), ('en') $$,
    'like it: a ghost that returns gets languages'
);
SELECT onboarding.start(1001, 'Anna', language_code => 'sr');
SELECT is((SELECT count(*) FROM public.user_language AS l WHERE l.user_id = 1001), 2::bigint, 'like it: whoever has any keeps them');
INSERT INTO public."user" (id, type) VALUES (1005, 'user');
SELECT onboarding.start(1005, 'Anna');
SELECT ghostwatch.contract_holds('onboarding', '1005', 'differently: every other row that is missing is written again', leave_out => '{first_meme}');
UPDATE public."user" SET type = 'blocked_bot', blocked_bot_at = now() WHERE id = 1001;
SELECT onboarding.start(1001, 'Anna');
SELECT results_eq(
    'SELECT type, blocked_bot_at FROM public."user" WHERE id = 1001', $$ VALUES ('user', NULL::timestamptz) $$,
    'whoever had blocked the bot has unblocked it'
);

-- The log and the announcement.
SELECT is((SELECT count(*) FROM public.user_deep_link_log AS l WHERE l.user_id = 1001), 5::bigint, 'like it: every start is logged, also without a link');
SELECT is((SELECT count(*) FROM ghostwatch.event AS e WHERE e.subject_key = '1001'), 5::bigint, 'like it: every start is announced');
SAVEPOINT signup;
SELECT onboarding.start(1004, 'Anna');
ROLLBACK TO signup;
SELECT is_empty($$ SELECT FROM ghostwatch.event AS e WHERE e.subject_key = '1004' $$, 'differently: an announcement commits with the signup, or not at all');
SELECT is_empty('SELECT FROM public."user" AS u WHERE u.id = 1004', 'differently: as does every row');

-- Typed text.
SELECT is(pg_temp.kept('kitchen please'), '?kitchen please', 'differently: text that is no link is marked and counts as unknown');

SELECT * FROM finish();
ROLLBACK;
