BEGIN;
SELECT plan(95);

SET LOCAL ghostwatch.clock = '2026-01-01 12:00+00';
SET LOCAL TimeZone = 'UTC';
SELECT count(*) FROM onboarding.adopt();

CREATE FUNCTION pg_temp.come_back(user_id bigint, deep_link text) RETURNS boolean LANGUAGE sql AS $$
    -- A user of long ago starts the bot again; whether that created them.
    SELECT s.created FROM onboarding.start(come_back.user_id, 'Old', deep_link => come_back.deep_link) AS s
$$;

-- Every way in, new and returning.
CREATE TEMPORARY TABLE way_in (number bigint GENERATED ALWAYS AS IDENTITY, deep_link text, family text);
INSERT INTO way_in (deep_link, family) VALUES
    (NULL, 'none'), ('', 'none'), ('kitchen', 'kitchen'), ('wrapped', 'wrapped'), ('giveaway_77', 'giveaway_*'),
    ('s_12345_678', 's_*'), ('m_12345_678', 'm_*'), ('ir_abc', 'ir_*'), ('sc_channel', 'sc_*'),
    ('something-else', 'other'), (repeat('x', 64), 'other');

CREATE TEMPORARY TABLE started AS
SELECT w.number, w.family, nullif(w.deep_link, '') AS deep_link, s.*
FROM way_in AS w, LATERAL onboarding.start(w.number, 'Anna', language_code => 'de', deep_link => w.deep_link) AS s;

SELECT ok(bool_and(created AND NOT blocked), 'by every way in a new user is created') FROM started;
SELECT is(count(DISTINCT (user_type, interface_language, memes_sent, memes_watched_today)), 1::bigint, 'and told the same') FROM started;
SELECT ghostwatch.contract_holds('onboarding', number::text, format('new user by %L', deep_link), leave_out => '{first_meme}') FROM started;
SELECT results_eq(
    $$ SELECT s.number, s.family FROM started AS s ORDER BY 1 $$,
    $$ SELECT e.subject_key::bigint, ghostwatch._event_branch(e.payload) FROM ghostwatch.event AS e ORDER BY 1 $$,
    'the admins are told by family'
);
SELECT results_eq(
    $$ SELECT s.number, s.deep_link FROM started AS s ORDER BY 1 $$,
    $$ SELECT l.user_id, l.deep_link FROM public.user_deep_link_log AS l ORDER BY 1 $$,
    'every start is logged, also without a link'
);

SELECT ghostwatch.add_channel('admins', -100);
SELECT ghostwatch._gather_events('2026-01-01 12:01+00');
SELECT ok(
    (SELECT (n.payload ->> 'count')::integer = 11 AND n.payload -> 'counts' @> '[{"branch": "kitchen", "new": true, "count": 1}]'
     FROM ghostwatch.notification AS n),
    'who started is told in one message that counts them by family'
);
SELECT ghostwatch.clause_holds('onboarding', 'start_announced', '1', 'and what was told can still be shown');

SET LOCAL ghostwatch.clock = '2026-02-01 12:00+00';
SELECT is(pg_temp.come_back(number, deep_link), false, format('returning by %L creates nobody', deep_link)) FROM way_in;
INSERT INTO public.user_meme_reaction (user_id, meme_id, sent_at, reacted_at)
SELECT number, meme, '2026-01-01 12:00+00', CASE WHEN meme <= 2 THEN '2026-02-01 00:00+00'::timestamptz END
FROM way_in, generate_series(1, 3) AS meme;
SELECT ghostwatch.contract_holds('onboarding', number::text, format('a user who returned by %L', deep_link), leave_out => '{first_meme}') FROM way_in;
SELECT is((SELECT count(*) FROM public.user_deep_link_log), 22::bigint, 'and is logged again');
SELECT is((SELECT count(*) FROM ghostwatch.event WHERE payload @> '{"new": false}'), 11::bigint, 'and announced as returning');
SELECT is((SELECT count(*) FROM public."user" WHERE last_active_at = '2026-02-01 12:00+00'), 11::bigint, 'and active again');
SELECT is((SELECT count(*) FROM public."user" WHERE created_at = '2026-01-01 12:00+00'), 11::bigint, 'but born only once');

-- 1. The profile.
SELECT onboarding.start(100, 'Anna', 'anna_b', 'Berg', true, 'de');
SELECT onboarding.start(100, NULL);
SELECT results_eq(
    $$ SELECT first_name, username, last_name, is_premium, language_code FROM public.user_tg WHERE id = 100 $$,
    $$ VALUES ('Anna', 'anna_b', 'Berg', true, 'de') $$,
    'NULL never overwrites what is known'
);
SELECT onboarding.start(100, 'Ann', 'ann_b', 'Bergh', false, 'sv');
SELECT results_eq(
    $$ SELECT first_name, username, last_name, is_premium, language_code FROM public.user_tg WHERE id = 100 $$,
    $$ VALUES ('Ann', 'ann_b', 'Bergh', false, 'sv') $$,
    'what is told replaces it'
);
SELECT lives_ok($$ SELECT onboarding.start(101, NULL) $$, 'somebody without a first name is a user too');

CREATE TEMPORARY TABLE strange (number bigint, name text);
INSERT INTO strange VALUES
    (110, 'O''Brien "the" \'), (111, '<b>&amp;</b>'), (112, '👩‍👩‍👧 🎉'), (113, 'محمد'), (114, E'a\tb\nc'), (115, repeat('ж', 64)),
    (116, '$1 %s {} ; DROP TABLE "user"');
SELECT count(onboarding.start(number, name, 'x', name)) FROM strange;
SELECT results_eq(
    $$ SELECT number, name, name FROM strange ORDER BY 1 $$,
    $$ SELECT id, first_name, last_name FROM public.user_tg WHERE id BETWEEN 110 AND 116 ORDER BY 1 $$,
    'quotes, HTML, emoji and right-to-left text are kept as they are'
);
SELECT results_eq(
    $$ SELECT number, name || ' ' || name FROM strange ORDER BY 1 $$,
    $$ SELECT subject_key::bigint, payload ->> 'name' FROM ghostwatch.event WHERE subject_key::bigint BETWEEN 110 AND 116 ORDER BY 1 $$,
    'and told as they are'
);

-- 2. Blocked and back.
UPDATE public."user" SET type = 'blocked_bot', blocked_bot_at = '2026-01-15' WHERE id = 1;
UPDATE public."user" SET type = 'moderator', blocked_bot_at = '2026-01-15' WHERE id = 2;
UPDATE public."user" SET type = 'banned' WHERE id = 3;
SELECT count(onboarding.start(number, 'Back')) FROM way_in WHERE number <= 3;
SELECT results_eq(
    $$ SELECT type, blocked_bot_at FROM public."user" WHERE id <= 3 ORDER BY id $$,
    $$ VALUES ('user', NULL::timestamptz), ('moderator', NULL), ('banned', NULL) $$,
    'who comes back has unblocked the bot; other types stay'
);

-- 3. The link that is kept.
CREATE FUNCTION pg_temp.kept_after(VARIADIC links text[]) RETURNS text LANGUAGE plpgsql AS $$
    DECLARE
        new_id bigint := (SELECT max(id) + 1 FROM public.user_tg);
        link text;
    BEGIN
        FOREACH link IN ARRAY links LOOP
            PERFORM onboarding.start(new_id, 'Anna', deep_link => link);
        END LOOP;
        RETURN (SELECT deep_link FROM public.user_tg WHERE id = new_id);
    END
$$;
SELECT is(pg_temp.kept_after('s_1_2', 'kitchen', NULL, 's_3_4', 'm_5_6'), 's_1_2', 'the first link that shares a meme is kept for ever');
SELECT is(pg_temp.kept_after('kitchen', 'm_5_6', 's_1_2'), 'm_5_6', 'also where it came second');
SELECT is(pg_temp.kept_after('kitchen', 'giveaway_77'), 'giveaway_77', 'any other gives way to a new one');
SELECT is(pg_temp.kept_after('kitchen', NULL, ''), 'kitchen', 'but not to none');
SELECT is(pg_temp.kept_after('s_1', 's_1_2_3', 'sm_1_2', 'kitchen'), 'kitchen', 'what only looks like such a link is none');

-- 4. The cache.
SELECT results_eq(
    $$ SELECT memes_sent, memes_watched_today FROM onboarding.start(5, 'Old') $$,
    $$ VALUES (3::bigint, 2::bigint) $$,
    'a returning user is told what they have seen'
);
DELETE FROM onboarding.user_info;
SELECT results_eq(
    $$ SELECT user_type, memes_sent, memes_watched_today, interface_language, refreshed_at FROM onboarding.get_user_info(5) $$,
    $$ VALUES ('user', 3::bigint, 2::bigint, 'de', '2026-02-01 12:00+00'::timestamptz) $$,
    'a lost cache is rebuilt on demand'
);
SELECT is((SELECT count(*) FROM onboarding.user_info), 1::bigint, 'and kept');
UPDATE onboarding.user_info SET memes_sent = 4;
SELECT is((onboarding.get_user_info(5)).memes_sent, 4::bigint, 'what is cached is not counted again');
SET LOCAL ghostwatch.clock = '2026-02-02 00:00+00';
SELECT results_eq(
    $$ SELECT memes_sent, memes_watched_today FROM onboarding.get_user_info(5) $$,
    $$ VALUES (3::bigint, 0::bigint) $$,
    'but yesterday''s is'
);
INSERT INTO onboarding.user_info VALUES (140, 'moderator', 9, 9, 'sv', '2026-01-01');
SELECT results_eq(
    $$ SELECT created, user_type, interface_language, memes_sent, memes_watched_today FROM onboarding.start(140, 'Anna') $$,
    $$ VALUES (true, 'user', 'en', 0::bigint, 0::bigint) $$,
    'what was cached of an earlier user with the same id is not told of a new one'
);
SELECT ok(onboarding.get_user_info(999999) IS NULL, 'nobody has no info');
SELECT ok(onboarding.refresh_user_info(999999) IS NULL, 'and gets none');

-- 7. Languages.
CREATE FUNCTION pg_temp.languages_of(first_name text, last_name text, language_code text) RETURNS text LANGUAGE plpgsql AS $$
    DECLARE
        new_id bigint := (SELECT max(id) + 1 FROM public.user_tg);
    BEGIN
        PERFORM onboarding.start(new_id, languages_of.first_name, NULL, languages_of.last_name, NULL, languages_of.language_code);
        RETURN (SELECT string_agg(l.language_code, ' ' ORDER BY l.language_code) FROM public.user_language AS l WHERE l.user_id = new_id)
            || ' / ' || (SELECT i.interface_language FROM onboarding.user_info AS i WHERE i.user_id = new_id);
    END
$$;
SELECT is(pg_temp.languages_of('Anna', NULL, 'en'), 'en / en', 'English');
SELECT is(pg_temp.languages_of('Anna', NULL, NULL), 'en / en', 'nothing known');
SELECT is(pg_temp.languages_of('Anna', NULL, ''), 'en / en', 'nothing told');
SELECT is(pg_temp.languages_of('Anna', NULL, 'de'), 'de en / de', 'the client''s own language, and English');
SELECT is(pg_temp.languages_of('Anna', NULL, 'pt-br'), 'en pt-br / pt-br', 'a language with a country');
SELECT is(pg_temp.languages_of('Anna', NULL, 'uk'), 'ru uk / uk', 'a language of the region');
SELECT is(pg_temp.languages_of('Anna', NULL, 'RU-by'), 'RU-by ru / RU-by', 'of the region, with a country');
SELECT is(pg_temp.languages_of('Ёж', NULL, 'en'), 'en ru / ru', 'a name in Russian letters');
SELECT is(pg_temp.languages_of('Anna', 'БЕРГ', 'de'), 'de en ru / de', 'a family name in Russian letters');
SELECT is(pg_temp.languages_of('Аня', NULL, 'ru'), 'ru / ru', 'each language once');

CREATE TEMPORARY TABLE cached AS SELECT * FROM onboarding.user_info;
SELECT results_eq(
    $$ SELECT c.* FROM cached AS c ORDER BY c.user_id $$,
    $$ SELECT i.* FROM cached AS c, onboarding.refresh_user_info(c.user_id) AS i ORDER BY i.user_id $$,
    'what start() caches of a new user is what a rebuilt cache holds'
);

DELETE FROM public.user_language WHERE user_id = 100;
INSERT INTO public.user_language (user_id, language_code) VALUES (100, 'fa');
SELECT onboarding.start(100, 'Аня', language_code => 'de');
SELECT results_eq(
    $$ SELECT language_code FROM public.user_language WHERE user_id = 100 $$, $$ VALUES ('fa') $$, 'whoever has a language has chosen it'
);
DELETE FROM public.user_language WHERE user_id = 100;
SELECT onboarding.start(100, 'Anna', language_code => 'en');
SELECT is((SELECT count(*) FROM public.user_language WHERE user_id = 100), 1::bigint, 'a ghost of old is healed');

INSERT INTO onboarding.regional_language VALUES ('de');
SELECT is(pg_temp.languages_of('Anna', NULL, 'de'), 'de ru / de', 'the languages of the region are data');
DELETE FROM onboarding.language_rule WHERE language_code IS NULL;
INSERT INTO onboarding.language_rule VALUES ('name in Greek letters', '[α-ω]', NULL, 'el', NULL);
SELECT is(pg_temp.languages_of('Άννα', NULL, 'de'), 'el ru / el', 'and so are the rules');

-- Blocked branches.
CREATE FUNCTION pg_temp.row_count() RETURNS bigint LANGUAGE sql AS $$
    SELECT (SELECT count(*) FROM public."user") + (SELECT count(*) FROM public.user_tg) + (SELECT count(*) FROM public.user_language)
        + (SELECT count(*) FROM public.user_deep_link_log) + (SELECT count(*) FROM onboarding.user_info) + (SELECT count(*) FROM ghostwatch.event)
$$;
CREATE TEMPORARY TABLE before AS SELECT pg_temp.row_count() AS rows;
SELECT results_eq(
    $$ SELECT s.created, s.blocked, s.user_type FROM unnest(ARRAY['likefollowbot', 'tapps', 'tapps_x']) AS link, onboarding.start(900, 'Bot', deep_link => link) AS s $$,
    $$ VALUES (false, true, NULL::text), (false, true, NULL), (false, true, NULL) $$,
    'a new user by a blocked branch is dropped'
);
SELECT is(pg_temp.row_count(), (SELECT rows FROM before), 'without a row');
SELECT results_eq(
    $$ SELECT created, blocked FROM onboarding.start(901, 'Anna', deep_link => 'likefollowbot2') $$, $$ VALUES (true, false) $$, 'a pattern means what it says'
);
SELECT results_eq(
    $$ SELECT created, blocked FROM onboarding.start(7, 'Old', deep_link => 'tapps_x') $$, $$ VALUES (false, false) $$, 'an existing user is served'
);
INSERT INTO onboarding.blocked_branch VALUES ('farm\_%', 'a farm');
SELECT ok((onboarding.start(902, 'Bot', deep_link => 'farm_1')).blocked, 'the blocked branches are data');

-- Text that a person typed loses nobody.
CREATE TEMPORARY TABLE typed (number bigint, text text, logged text);
INSERT INTO typed VALUES
    (910, 'привет', '?привет'), (911, 'a b', '?a b'), (912, E'a\n\t\x01b', '?a   b'), (913, repeat('x', 65), '?' || repeat('x', 63)),
    (914, repeat('я', 30000000), '?' || repeat('я', 63)), (915, 'tapps привет', '?tapps привет'), (916, 's_1_' || repeat('2', 61), '?s_1_' || repeat('2', 59)),
    (917, '''; DROP TABLE "user" --', '?''; DROP TABLE "user" --'), (918, '%s\', '?%s\'), (919, '👻', '?👻'), (920, ' ', '? '), (921, '?', '??');
SELECT results_eq(
    $$ SELECT t.number, s.created, s.blocked FROM typed AS t, onboarding.start(t.number, 'Anna', deep_link => t.text) AS s ORDER BY 1 $$,
    $$ SELECT number, true, false FROM typed ORDER BY 1 $$,
    'whatever is typed, the user is created'
);
SELECT results_eq(
    $$ SELECT l.user_id, l.deep_link FROM public.user_deep_link_log AS l WHERE l.user_id BETWEEN 910 AND 921 ORDER BY 1 $$,
    $$ SELECT number, logged FROM typed ORDER BY 1 $$,
    'what was typed is logged, marked and cut'
);
SELECT bag_eq(
    $$ SELECT DISTINCT ghostwatch._event_branch(e.payload) FROM ghostwatch.event AS e WHERE e.subject_key::bigint BETWEEN 910 AND 921 $$,
    $$ VALUES ('other') $$,
    'and counts as unknown'
);
SELECT is(pg_temp.kept_after('s_1_' || repeat('2', 61), 'kitchen'), 'kitchen', 'even where it begins like a link that shares a meme');
SELECT is(pg_temp.kept_after('s_1_2', 'привет'), 's_1_2', 'and takes the place of none');
SELECT is_empty(
    $$ SELECT t.number, v.* FROM typed AS t, ghostwatch.check_subject('onboarding', t.number::text) AS v WHERE v.state = 'broken' AND v.invariant <> 'first_meme' $$,
    'the contract holds for them'
);
SELECT lives_ok($$ SELECT onboarding.start(7, 'Old', deep_link => 'привет') $$, 'an existing user may type, too');
SELECT lives_ok(
    format('SELECT onboarding.start(922, %1$L, %1$L, %1$L, false, %1$L, %1$L)', repeat(E'\u0436', 100000)), 'no text is too long'
);
SELECT results_eq(
    'SELECT length(first_name), length(username), length(last_name), length(language_code), length(deep_link) FROM public.user_tg WHERE id = 922',
    'VALUES (64, 32, 64, 16, 64)',
    'names are cut where they enter'
);

-- What is refused, before anything is written.
DROP TABLE before;
CREATE TEMPORARY TABLE before AS SELECT pg_temp.row_count() AS rows;
SELECT throws_ok($$ SELECT onboarding.start(NULL, 'Anna') $$, 'GW102', 'a /start without a user id', 'nobody');
DELETE FROM onboarding.adoption;
SELECT throws_like($$ SELECT onboarding.start(923, 'Anna') $$, 'onboarding.adopt() was not called in database %', 'a bot whose tables were not adopted');
SELECT throws_ok($$ SELECT onboarding.start(923, 'Anna') $$, 'GW101', NULL, 'by a code of its own');
SELECT is(pg_temp.row_count(), (SELECT rows FROM before), 'and nothing was written');

SELECT * FROM finish();
ROLLBACK;
