BEGIN;
SELECT plan(43);
SET LOCAL timezone = 'UTC';
SET LOCAL ghostwatch.clock = '2026-01-01 12:00+00';

CREATE SCHEMA app;
CREATE TABLE app."Account" (id bigint PRIMARY KEY, "born At" timestamptz NOT NULL, other_id bigint);
CREATE TABLE app.greeting (account_id bigint NOT NULL, text text);

CREATE FUNCTION pg_temp.said(check_name text) RETURNS SETOF text LANGUAGE sql AS $$
    -- What the doctor finds and advises on one thing, without what is well.
    SELECT concat_ws(' | ', d.verdict, d.finding, d.advice)
    FROM ghostwatch.doctor() AS d
    WHERE d.check_name = said.check_name
        AND d.verdict <> 'ok'
$$;
CREATE FUNCTION pg_temp.is_well(check_name text) RETURNS boolean LANGUAGE sql AS $$
    SELECT bool_and(d.verdict = 'ok') FROM ghostwatch.doctor() AS d WHERE d.check_name = is_well.check_name
$$;

-- An empty installation.
SELECT bag_eq(
    $$ SELECT check_name, finding FROM ghostwatch.doctor() WHERE verdict = 'error' $$,
    $$ VALUES
        ('privileges', 'A test clock is enabled: every session may set the time that ghostwatch reads.'),
        ('sidecar', 'No sidecar is running: no alert reaches anybody.'),
        ('channels', 'There is no channel: no alert reaches anybody.') $$,
    'an installation that nobody uses yet lacks a sidecar and a channel, and nothing else but has a test clock'
);

-- A contract without any index, that no run judges.
SELECT ghostwatch.declare_contract('welcome', 'app."Account"', born_at_column => 'born At');
SELECT ghostwatch.declare_invariant('welcome', 'greeting', 'app.greeting', 'account_id', warn_after => '1 minute');

SELECT results_eq(
    $$ SELECT pg_temp.said('check runs') $$,
    $$ VALUES (format(
        'error | No run checks contract welcome: it belongs to %1$s, and the last runs were made as nobody. | SET ROLE %1$s; SELECT ghostwatch.schedule();',
        current_user COLLATE "default"
    )) $$,
    'a contract that no run judges'
);
SELECT ghostwatch._finish_run('2026-01-01 12:00+00', 1, 0, 0, 0, false);
SELECT ok(pg_temp.is_well('check runs'), 'a run of its owner judges it');

CREATE ROLE another NOLOGIN;
UPDATE ghostwatch.contract SET owner = 'another';
SELECT matches(
    pg_temp.said('check runs'),
    'it belongs to another, and the last runs were made as ' || current_user,
    'a run of another role does not'
);
SELECT bag_eq(
    $$ SELECT pg_temp.said('tables') $$,
    $$ VALUES
        ('error | another, which owns contract welcome, may not read app."Account". | GRANT USAGE ON SCHEMA app TO another; GRANT SELECT ON app."Account" TO another;'),
        ('error | another, which owns contract welcome, may not read app.greeting. | GRANT USAGE ON SCHEMA app TO another; GRANT SELECT ON app.greeting TO another;') $$,
    'tables that the owner of a contract may not read'
);
GRANT USAGE ON SCHEMA app TO another;
GRANT SELECT ON app."Account" TO another;
GRANT SELECT (account_id) ON app.greeting TO another;
SELECT ok(pg_temp.is_well('tables'), 'a grant on a column is enough');
ALTER TABLE app."Account" ENABLE ROW LEVEL SECURITY;
SELECT matches(
    pg_temp.said('tables'),
    'warning \| Row level security hides rows of app."Account" from another.* \| ALTER ROLE another BYPASSRLS;',
    'row level security that may hide subjects'
);
ALTER TABLE app."Account" DISABLE ROW LEVEL SECURITY;

SELECT results_eq(
    $$ SELECT pg_temp.said('late commits') $$,
    $$ VALUES (
        'warning | another cannot see how old the transactions of other roles are: in contract welcome, '
        'a subject whose transaction is open for longer than 00:02:00 (its lateness) before it commits is missed. | '
        'GRANT pg_read_all_stats TO another;'
    ) $$,
    'an owner that cannot see other transactions'
);
GRANT pg_read_all_stats TO another;
SELECT ok(pg_temp.is_well('late commits'), 'one that can');

-- Time limits: the nearest setting counts.
SELECT results_eq(
    $$ SELECT pg_temp.said('time limit') $$,
    $$ VALUES (format(
        'warning | Check runs as another have no statement_timeout: a check that hangs holds up the others. | '
        'ALTER ROLE another IN DATABASE %I SET statement_timeout = ''60s'';',
        current_database() COLLATE "default"
    )) $$,
    'an owner without statement_timeout'
);
ALTER ROLE another SET statement_timeout = '50s';
SELECT ok(pg_temp.is_well('time limit'), 'a statement_timeout of the role');
DO $$ BEGIN EXECUTE format('ALTER ROLE another IN DATABASE %I SET statement_timeout = 0', current_database()); END $$;
SELECT ok(NOT pg_temp.is_well('time limit'), 'undone for this database');
DO $$ BEGIN EXECUTE format('ALTER ROLE another IN DATABASE %I SET statement_timeout = ''1min''', current_database()); END $$;
SELECT ok(pg_temp.is_well('time limit'), 'given for this database');

-- Indexes.
SELECT bag_eq(
    $$ SELECT pg_temp.said('indexes') $$,
    $$ VALUES
        ('warning | app."Account" has no index on "born At". Every check reads all of it. | CREATE INDEX CONCURRENTLY ON app."Account" ("born At"); '
         '-- or let the database note arrivals: SELECT ghostwatch.declare_contract(''welcome'', capture => true);'),
        ('warning | app.greeting has no index on account_id. Every new subject reads all of it. | CREATE INDEX CONCURRENTLY ON app.greeting (account_id);') $$,
    'missing indexes, with the statements that make them'
);
CREATE INDEX ON app.greeting (account_id) WHERE text <> '';
CREATE INDEX ON app.greeting (text, account_id);
CREATE INDEX ON app."Account" USING brin ("born At");
SELECT is(
    (SELECT count(*) FROM pg_temp.said('indexes')), 2::bigint,
    'partial indexes, second columns and block ranges do not do'
);
UPDATE ghostwatch.invariant SET predicate = 'r.text <> ''''';
SELECT is(
    (SELECT count(*) FROM pg_temp.said('indexes')), 1::bigint,
    'a partial index may do where there is a predicate'
);
CREATE INDEX ON app."Account" ("born At" DESC);
SELECT ok(pg_temp.is_well('indexes'), 'all there');

ALTER TABLE app."Account" DROP CONSTRAINT "Account_pkey";
CREATE INDEX ON app."Account" (id) WHERE id > 0;
SELECT results_eq(
    $$ SELECT pg_temp.said('indexes') $$,
    $$ VALUES ('warning | app."Account" has no index on id. Every open violation reads all of it. | CREATE INDEX CONCURRENTLY ON app."Account" (id);') $$,
    'a subject that cannot be found by its key'
);
CREATE INDEX ON app."Account" USING hash (id);

CREATE TABLE app.letter (account_id bigint NOT NULL) PARTITION BY LIST (account_id);
CREATE TABLE app.letter_1 PARTITION OF app.letter FOR VALUES IN (1);
UPDATE ghostwatch.invariant SET related = 'app.letter', predicate = NULL;
SELECT matches(
    pg_temp.said('indexes'),
    '\| CREATE INDEX CONCURRENTLY ON app.letter_1 \(account_id\); CREATE INDEX ON app.letter \(account_id\);$',
    'a partitioned table is indexed by way of its partitions'
);
ALTER TABLE app.letter RENAME account_id TO account;
SELECT ok(pg_temp.is_well('indexes'), 'a column that was renamed away is not advised to be indexed');
ALTER TABLE app.letter RENAME account TO account_id;
CREATE VIEW app.any_letter AS SELECT account_id FROM app.letter;
UPDATE ghostwatch.invariant SET related = 'app.any_letter';
SELECT ok(pg_temp.is_well('indexes'), 'a view can have no index');

-- Clocks, in the contracts of this role only.
INSERT INTO app."Account" VALUES (1, '2026-01-01 12:02+00'), (2, 'infinity');
SELECT ok(pg_temp.is_well('clocks'), 'the rows of another role''s contract are not looked at');
UPDATE ghostwatch.contract SET owner = quote_ident(current_user)::regrole;
SELECT results_eq(
    $$ SELECT pg_temp.said('clocks') $$,
    $$ VALUES (
        'warning | The youngest row of app."Account" was born 00:02:00 from now. It is judged when that comes. | '
        'SELECT ghostwatch.declare_contract(''welcome'', capture => true); -- or set the clocks of the application''s servers'
    ) $$,
    'a birth in the future'
);

ALTER TABLE app."Account" ALTER "born At" TYPE timestamp USING "born At" AT TIME ZONE 'UTC';
UPDATE ghostwatch.contract SET time_zone = 'America/New_York';
SELECT matches(
    pg_temp.said('clocks'),
    'Births in app."Account" look 5 hours ahead: time zone\? The newest is .*read in the time zone America/New_York.*or set the clocks of the application''s servers, or the time_zone \(now America/New_York\)$',
    'a time zone that was declared wrongly looks like a clock that is hours ahead'
);

-- Triggers that capture and enforcement need.
SELECT ok(pg_temp.is_well('triggers'), 'nothing captured, nothing enforced');
CREATE TABLE app.member (id bigint PRIMARY KEY, created_at timestamptz) PARTITION BY LIST (id);
CREATE TABLE app.member_1 PARTITION OF app.member FOR VALUES IN (1);
SELECT ghostwatch.declare_contract('members', 'app.member', capture => true);
SELECT ghostwatch.declare_invariant('members', 'greeting', 'app.greeting', 'account_id', error_after => '0');
SELECT ghostwatch.enforce('members', 'warn');
SELECT ok(pg_temp.is_well('triggers'), 'all there');
CREATE TABLE app.member_2 PARTITION OF app.member FOR VALUES IN (2);
ALTER TABLE app.member_1 DISABLE TRIGGER USER;
SELECT bag_eq(
    $$ SELECT regexp_replace(pg_temp.said('triggers'), '_\d+(?=\M|_key)', '_N', 'g') $$,
    $$ VALUES
        ('error | app.member_N has a disabled trigger ghostwatch_capture_N, which contract members needs: no arrival is recorded there. | '
         'ALTER TABLE app.member_N ENABLE TRIGGER ghostwatch_capture_N;'),
        ('error | app.member_N has a disabled trigger ghostwatch_enforce_N, which contract members needs: not every commit is checked there. | '
         'ALTER TABLE app.member_N ENABLE TRIGGER ghostwatch_enforce_N;'),
        ('error | app.member_N has a disabled trigger ghostwatch_enforce_N_key, which contract members needs: not every commit is checked there. | '
         'ALTER TABLE app.member_N ENABLE TRIGGER ghostwatch_enforce_N_key;'),
        ('error | app.member_N has no trigger ghostwatch_capture_N, which contract members needs: no arrival is recorded there. | '
         'SELECT ghostwatch.declare_contract(''members'', capture => true);') $$,
    'a partition that came later, and one whose triggers were switched off'
);
ALTER TABLE app.member_1 ENABLE TRIGGER USER;
SELECT ghostwatch.declare_contract('members', 'app.member', capture => true);
SELECT ok(pg_temp.is_well('triggers'), 'declared again, and switched on');
SELECT ghostwatch.drop_contract('members');

-- Checks that fail or lag.
UPDATE ghostwatch.check_progress
SET failing_since = '2026-01-01 11:00+00', last_error = 'permission denied for table greeting', last_error_state = '42501';
SELECT matches(
    pg_temp.said('checks'),
    '^error \| The check of welcome.greeting fails since 2026-01-01 11:00:00\+00: permission denied .* \| GRANT SELECT ON app."Account", app.any_letter TO ',
    'a failing check, and what to do about it'
);
UPDATE ghostwatch.check_progress SET failing_since = NULL, catching_up_since = '2026-01-01 08:00+00', checked_up_to = '2026-01-01 09:00+00';
SELECT matches(
    pg_temp.said('backlog'),
    '^warning \| welcome.greeting is catching up: checked up to 2026-01-01 09:00:00\+00',
    'a backlog'
);

-- Delivery.
INSERT INTO ghostwatch.sidecar (worker, version, started_at, seen_at, listening, problem, cannot_send)
VALUES ('gone', '1', '2026-01-01 11:00+00', '2026-01-01 11:57+00', false, NULL, false);
SELECT bag_eq(
    $$ SELECT split_part(pg_temp.said('sidecar'), ' | ', 2) $$,
    $$ VALUES
        ('No sidecar is running: no alert reaches anybody.'),
        ('Sidecar gone was last seen at 2026-01-01 11:57:00+00.') $$,
    'a sidecar that was killed, without a word about a pooler'
);
INSERT INTO ghostwatch.sidecar (worker, version, started_at, seen_at, listening, problem, cannot_send)
VALUES
    ('well', (SELECT version FROM ghostwatch.installation), '2026-01-01 11:00+00', '2026-01-01 12:00+00', true, NULL, false),
    ('fresh', (SELECT version FROM ghostwatch.installation), '2026-01-01 11:59+00', '2026-01-01 12:00+00', false, NULL, false),
    ('old', '0.0.1', '2026-01-01 11:00+00', '2026-01-01 12:00+00', true, NULL, false),
    ('polling', '1', '2026-01-01 11:00+00', '2026-01-01 12:00+00', false, NULL, false),
    ('mute', '1', '2026-01-01 11:00+00', '2026-01-01 12:00+00', true, 'the bot token: Telegram refuses it', true),
    ('ill', '1', '2026-01-01 11:00+00', '2026-01-01 12:00+00', true, 'the buttons: switched off', false);
SELECT bag_eq(
    $$ SELECT split_part(s, ' | ', 1) || ' ' || split_part(s, ' | ', 2) FROM pg_temp.said('sidecar') AS s $$,
    $$ VALUES
        ((SELECT format('warning Sidecar old is of version 0.0.1, and ghostwatch of version %s. Both go on working.', version) FROM ghostwatch.installation)),
        ('warning Sidecar polling receives no NOTIFY and finds its work by polling.'),
        ('error Sidecar mute: the bot token: Telegram refuses it'),
        ('warning Sidecar ill: the buttons: switched off') $$,
    'sidecars in trouble or of another version; a refused token is an error, and a dead one is forgotten beside one at work'
);

-- Who reads which buttons are pressed.
SAVEPOINT without_buttons;
SELECT ghostwatch.add_channel('pressed', -1009, button_user_ids => '{11}');
SELECT results_eq(
    $$ SELECT pg_temp.said('buttons') $$,
    $$ VALUES ('warning | No sidecar reads which buttons are pressed, and channel pressed names people who may press them. | GHOSTWATCH_TELEGRAM_BUTTONS=1 ghostwatch notify') $$,
    'a channel whose buttons nobody reads'
);
SELECT ghostwatch.lead_buttons('first', '45 seconds');
SELECT ghostwatch.lead_buttons('second', '45 seconds');
SELECT results_eq(
    $$ SELECT d.verdict || ' | ' || d.finding FROM ghostwatch.doctor() AS d WHERE d.check_name = 'buttons' $$,
    $$ VALUES ('ok | Sidecar first reads which buttons are pressed. Another one takes over unless it asks again by 2026-01-01 12:00:45+00.') $$,
    'of two sidecars with buttons, the one that reads them'
);
SET LOCAL ghostwatch.clock = '2026-01-01 12:00:46+00';
SELECT ghostwatch.lead_buttons('second', '45 seconds');
SELECT matches(
    (SELECT d.finding FROM ghostwatch.doctor() AS d WHERE d.check_name = 'buttons'),
    '^Sidecar second reads ',
    'the one that took over from a sidecar that died'
);
ROLLBACK TO SAVEPOINT without_buttons;
SELECT ghostwatch.add_channel('admins', -1);
UPDATE ghostwatch.channel SET disabled_at = '2026-01-01 11:00+00', disabled_reason = 'kicked';
SELECT results_eq(
    $$ SELECT pg_temp.said('channels') $$,
    $$ VALUES (
        'error | Channel admins is closed since 2026-01-01 11:00:00+00: kicked | '
        'Try it with: ghostwatch send-test admins; when it is put right: SELECT ghostwatch.enable_channel(''admins'');'
    ) $$,
    'a closed channel'
);
SELECT ghostwatch.add_channel('growth', -2, min_severity => 'error', contracts => '{welcome}', quiet_from => '22:00', quiet_until => '8:00');
SELECT ghostwatch.silence('welcome', duration => '1 hour', by => 'anna', comment => 'deploy');
SELECT bag_eq(
    $$ SELECT d.finding FROM ghostwatch.doctor() AS d WHERE d.check_name = 'filters' $$,
    $$ SELECT format('Silence %s of welcome by anna is in force until 2026-01-01 13:00:00+00: deploy', s.silence_id) FROM ghostwatch.silence AS s
        UNION ALL
        VALUES (
            'Channel growth is sent errors only, of contract welcome only, and warnings of 22:00:00 to 08:00:00 (UTC) in one digest.'
        ) $$,
    'what keeps alerts back on purpose: silences, quiet hours, severities and contracts'
);
SELECT ghostwatch.remove_channel('growth');
SELECT ok(pg_temp.is_well('outbox'), 'an empty outbox');
INSERT INTO ghostwatch.notification (channel_id, reason, state, created_at, next_attempt_at)
SELECT c.channel_id, 'opened', n.state, n.at, n.at
FROM ghostwatch.channel AS c, (VALUES
    ('pending', '2026-01-01 11:54+00'::timestamptz), ('pending', '2026-01-01 11:59+00'), ('failed', '2026-01-01 11:59+00')
) AS n (state, at);
SELECT results_eq(
    $$ SELECT pg_temp.said('outbox') $$,
    $$ VALUES (
        'warning | Waiting: 2 notifications, the oldest since 2026-01-01 11:54:00+00. Given up: 1 notification. | '
        'SELECT ghostwatch.retry_failed();'
    ) $$,
    'notifications that wait for long or were given up'
);

-- What was changed around it.
SELECT ghostwatch.set_setting('batch_size', '5');
SELECT results_eq(
    $$ SELECT verdict, advice FROM ghostwatch.doctor() WHERE check_name = 'settings' $$,
    $$ VALUES ('ok', 'To undo: SELECT ghostwatch.reset_setting(''batch_size'');') $$,
    'settings that differ'
);
-- Before PostgreSQL 15 everybody may create objects in public, which is a finding of its own.
REVOKE CREATE ON SCHEMA public FROM public;
GRANT EXECUTE ON FUNCTION ghostwatch.doctor() TO public;
GRANT SELECT ON ghostwatch.alert TO public;
SELECT bag_eq(
    $$ SELECT pg_temp.said('privileges') $$,
    $$ VALUES
        (
            'error | PUBLIC has privileges that ghostwatch did not grant, on routine ghostwatch.doctor(), table ghostwatch.alert. | '
            'REVOKE ALL ON ROUTINE ghostwatch.doctor() FROM PUBLIC CASCADE; REVOKE ALL ON TABLE ghostwatch.alert FROM PUBLIC CASCADE;'
        ),
        (
            'error | A test clock is enabled: every session may set the time that ghostwatch reads. | '
            'SELECT ghostwatch.disable_test_clock();'
        ) $$,
    'what is open to everybody'
);
SELECT ghostwatch.pause();
SELECT matches(
    pg_temp.said('schedule'),
    'Check runs are paused since 2026-01-01 12:00:00\+00, by .* \| SELECT ghostwatch.resume\(\);',
    'a pause'
);

-- A table that is gone.
SELECT ghostwatch.resume();
DROP VIEW app.any_letter;
SELECT matches(
    pg_temp.said('tables'),
    '^error \| Table app\.any_letter of contract welcome was dropped\.',
    'a table that was dropped, and every other check still answers'
);

SELECT * FROM finish();
ROLLBACK;
