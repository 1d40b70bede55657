BEGIN;
SELECT plan(36);

SET LOCAL client_min_messages = warning;

-- Over nothing.
CREATE TEMPORARY TABLE adopted AS SELECT * FROM onboarding.adopt();
SELECT bag_eq(
    $$ SELECT object FROM adopted WHERE finding = 'created' $$,
    $$ VALUES ('public."user"'), ('public.user_tg'), ('public.user_language'), ('public.user_deep_link_log'), ('public.user_meme_reaction') $$,
    'what is missing is created'
);
SELECT is_empty($$ SELECT FROM adopted WHERE advice LIKE 'CREATE INDEX%' OR advice LIKE 'GRANT%' $$, 'and complete');
SELECT bag_eq(
    $$ SELECT name FROM ghostwatch.invariant $$,
    $$ VALUES ('telegram_profile'), ('active_user'), ('kept_deep_link'), ('user_info'), ('start_logged'), ('start_announced'), ('languages'), ('first_meme') $$,
    'the contract has eight clauses'
);
SELECT is_empty(
    $$ SELECT FROM ghostwatch.invariant WHERE length(description) < 40 OR missing_label = replace(name, '_', ' ') $$,
    'each says why it exists, and what is missing without it'
);
SELECT results_eq(
    $$ SELECT warn_after, error_after, watch_for FROM ghostwatch.invariant WHERE name = 'first_meme' $$,
    $$ VALUES ('1 minute'::interval, '5 minutes'::interval, '25 minutes'::interval) $$,
    'the first meme has its time'
);
SELECT is(
    (SELECT count(*) FROM ghostwatch.invariant WHERE error_after = '0'), 7::bigint, 'what start() does is due at once'
);
SELECT results_eq(
    $$ SELECT link, ghostwatch._event_branch(jsonb_build_object('contract', 'onboarding', 'branch', link))
        FROM unnest(ARRAY['kitchen', 'kitchen2', 'giveaway_77', 'giveaway', 's_1_2', 'sx1', 'sc_x', NULL]) AS link $$,
    $$ VALUES ('kitchen', 'kitchen'), ('kitchen2', 'other'), ('giveaway_77', 'giveaway_*'), ('giveaway', 'other'), ('s_1_2', 's_*'),
        ('sx1', 'other'), ('sc_x', 'sc_*'), (NULL, 'none') $$,
    'links are counted by family'
);

-- Again.
DELETE FROM onboarding.blocked_branch WHERE pattern = 'tapps%';
SELECT bag_eq(
    $$ SELECT object, finding FROM onboarding.adopt() WHERE object LIKE 'public%' AND finding NOT LIKE 'has columns%' $$,
    $$
        VALUES ('public."user"', 'found'), ('public.user_tg', 'found'), ('public.user_language', 'found'),
            ('public.user_deep_link_log', 'found'), ('public.user_meme_reaction', 'found')
    $$,
    'a second time everything is found'
);
SELECT is((SELECT count(*) FROM onboarding.blocked_branch), 1::bigint, 'and a rule that the owner deleted stays deleted');

-- What an application keeps elsewhere, or in several transactions.
SELECT ok(
    (SELECT finding FROM onboarding.adopt(leave_out => '{user_info,start_announced}') WHERE object = 'contract onboarding')
        LIKE 'declared with 6 invariants%',
    'clauses can be left out'
);
SELECT is_empty($$ SELECT FROM ghostwatch.invariant WHERE name IN ('user_info', 'start_announced') $$, 'and are gone');
SELECT throws_ok(
    $$ SELECT * FROM onboarding.adopt(leave_out => '{horoscope}') $$, 'GW104', 'the onboarding contract has no clause ''horoscope''', 'an unknown clause'
);
SELECT throws_ok($$ SELECT * FROM onboarding.adopt(leave_out => '{NULL}') $$, 'GW104', 'the onboarding contract has no clause NULL', 'nor one without a name');
SELECT throws_ok($$ SELECT * FROM onboarding.adopt(due_after => '-1 minute') $$, 'GW105', NULL, 'an age before birth');
SELECT throws_ok($$ SELECT * FROM onboarding.adopt(due_after => '1 day') $$, 'GW105', NULL, 'an age at which nobody looks any more');
SELECT lives_ok($$ SELECT * FROM onboarding.adopt() $$, 'what is left out');
SELECT is((SELECT count(*) FROM ghostwatch.invariant), 6::bigint, 'stays left out');
SELECT lives_ok($$ SELECT * FROM onboarding.adopt(leave_out => '{}') $$, 'until nothing is left out any more');
SELECT is((SELECT count(*) FROM ghostwatch.invariant), 8::bigint, 'and the contract has every clause');
SELECT lives_ok($$ SELECT * FROM onboarding.adopt(due_after => '1 minute') $$, 'an application with many transactions gets a minute');
SELECT is((SELECT count(*) FROM ghostwatch.invariant WHERE error_after = '1 minute'), 7::bigint, 'for each clause of start()');

-- What an operator declared otherwise is kept.
CREATE TEMPORARY VIEW declared AS
SELECT to_jsonb(c) AS settings FROM ghostwatch.contract AS c
UNION ALL
SELECT to_jsonb(i) FROM ghostwatch.invariant AS i
UNION ALL
SELECT to_jsonb(b) FROM ghostwatch.branch_family AS b;
SELECT ghostwatch.declare_contract(
    'onboarding', capture => true, lateness => '3 minutes', subject_label => 'Besucher', exempt_predicate => 's.type = ''test'''
);
SELECT ghostwatch.declare_invariant(
    'onboarding', 'first_meme', rule => 'drift', warn_after => '2 minutes', error_after => '10 minutes', runbook_url => 'https://example.org',
    min_count => 3, missing_label => 'kein Meme'
);
SELECT ghostwatch.declare_invariant('onboarding', 'languages', error_after => '3 minutes', predicate => 'r.language_code <> ''''');
SELECT ghostwatch.declare_branch_family('onboarding', 'kitchen', 'cooks');
SELECT ghostwatch.drop_branch_family('onboarding', 'wrapped');
CREATE TEMPORARY TABLE before AS SELECT settings FROM declared;
SELECT lives_ok($$ SELECT * FROM onboarding.adopt() $$, 'adopting again');
SELECT bag_eq('SELECT settings FROM declared', 'SELECT settings FROM before', 'changes nothing that an operator declared');
SELECT lives_ok($$ SELECT * FROM onboarding.adopt(leave_out => '{user_info}') $$, 'another clause left out');
SELECT bag_eq(
    'SELECT settings FROM declared',
    $$ SELECT settings FROM before WHERE settings ->> 'name' IS DISTINCT FROM 'user_info' $$,
    'changes only that'
);
SELECT lives_ok($$ SELECT * FROM onboarding.adopt(leave_out => '{}') $$, 'and taken back');
SELECT is(
    (SELECT i.error_after FROM ghostwatch.invariant AS i WHERE i.name = 'user_info'), '1 minute', 'it is due when the others are'
);
SELECT lives_ok($$ SELECT * FROM onboarding.adopt(renew => true) $$, 'expressions can be renewed');
SELECT bag_eq(
    $$ SELECT settings - '{invariant_id,predicate,exempt_predicate}'::text[] FROM declared WHERE coalesce(settings ->> 'pattern', '') <> 'wrapped' $$,
    $$ SELECT settings - '{invariant_id,predicate,exempt_predicate}'::text[] FROM before $$,
    'and nothing else'
);
SELECT matches((SELECT c.exempt_predicate FROM ghostwatch.contract AS c), 'blocked_branch', 'to those of this version');
SELECT is((SELECT i.predicate FROM ghostwatch.invariant AS i WHERE i.name = 'languages'), NULL, 'those that have none included');
SELECT ghostwatch.declare_contract('onboarding', subject_label => 'new users', reset => '{capture}');
SELECT ghostwatch.declare_invariant('onboarding', 'first_meme', warn_after => '1 minute', error_after => '5 minutes', missing_label => 'a first meme', reset => '{rule}');
SELECT ghostwatch.declare_invariant('onboarding', 'languages', error_after => '1 minute');

-- Who is exempt.
SET LOCAL ghostwatch.clock = '2026-01-01 12:00+00';
INSERT INTO public."user" (id, type, created_at, blocked_bot_at) VALUES
    (1, 'user', '2026-01-01 11:50+00', NULL), (2, 'banned', '2026-01-01 11:50+00', NULL), (3, 'waitlist', '2026-01-01 11:50+00', NULL),
    (4, 'blocked_bot', '2026-01-01 11:50+00', NULL), (5, 'user', '2026-01-01 11:50+00', '2026-01-01 11:55+00'),
    (6, 'user', '2026-01-01 11:50+00', NULL), (7, 'user', '2026-01-01 11:50+00', NULL);
INSERT INTO public.user_tg (id, first_name, deep_link) VALUES (6, 'Anna', 'likefollowbot'), (7, 'Anna', 'tapps_x');
SELECT results_eq(
    $$ SELECT u.id, v.state FROM public."user" AS u, LATERAL ghostwatch.check_subject('onboarding', u.id::text) AS v WHERE v.invariant = 'first_meme' ORDER BY 1 $$,
    $$ VALUES (1::bigint, 'broken'), (2, 'exempt'), (3, 'exempt'), (4, 'exempt'), (5, 'exempt'), (6, 'exempt'), (7, 'broken') $$,
    'banned, waiting and blocked users are exempt, and those of a blocked branch: of one that is still in the table'
);
INSERT INTO onboarding.blocked_branch VALUES ('tapps%', 'again');
SELECT ghostwatch.contract_exempts('onboarding', '7', 'the table of blocked branches counts at once');

-- In words.
SELECT is(
    (SELECT explanation FROM ghostwatch.check_subject('onboarding', '1') WHERE invariant = 'languages'),
    'Broken: does not have a language; it was due by 2026-01-01 11:51:00 UTC. A user needs at least one language to get memes in. '
    'Without one the bot finds no meme for them: this is how users became ghosts.',
    'support staff read what is wrong and what follows'
);
SELECT onboarding.start(8, 'Anna');
SELECT results_eq(
    $$ SELECT invariant, explanation FROM ghostwatch.check_subject('onboarding', '8') $$,
    $$ VALUES
        ('telegram_profile', 'Fine: has a Telegram profile.'),
        ('active_user', 'Fine: has a date of last activity.'),
        ('kept_deep_link', 'Fine: has the deep link they came by.'),
        ('start_logged', 'Fine: has a logged start.'),
        ('languages', 'Fine: has a language.'),
        ('first_meme', 'Does not have a first meme yet; it is due by 2026-01-01 12:01:00 UTC.'),
        ('start_announced', 'Fine: has an announcement to the admins.'),
        ('user_info', 'Fine: has a cached user info.')
    $$,
    'and what is fine'
);

-- The rules begin anew only with the contract.
SELECT ghostwatch.drop_contract('onboarding');
DELETE FROM onboarding.blocked_branch;
SELECT count(*) FROM onboarding.adopt();
SELECT is((SELECT count(*) FROM onboarding.blocked_branch), 2::bigint, 'a contract that is adopted anew begins with the shipped rules');

SELECT * FROM finish();
ROLLBACK;
