BEGIN;
SELECT plan(13);
SET LOCAL timezone = 'UTC';
SET LOCAL ghostwatch.clock = '2026-01-01 12:00+00';

CREATE TABLE public.account (id bigint PRIMARY KEY, created_at timestamptz NOT NULL);
CREATE TABLE public.greeting (account_id bigint NOT NULL);
SELECT ghostwatch.declare_contract('welcome', 'public.account');
SELECT ghostwatch.declare_invariant(
    'welcome', 'greeting', 'public.greeting', 'account_id', warn_after => '1 minute', rule => 'threshold', expected_rate => 0.125
);

CREATE FUNCTION pg_temp.state() RETURNS text LANGUAGE sql AS $$ SELECT state FROM ghostwatch.status $$;

SELECT is(pg_temp.state(), 'never checked', 'what was never checked is not called ok');

UPDATE ghostwatch.check_progress
SET last_success_at = '2026-01-01 11:59+00', watermark = '2026-01-01 11:58+00', checked_up_to = '2026-01-01 11:58+00';
SELECT results_eq(
    $$ SELECT contract, invariant, state, warn_count, error_count, watermark_lag, remark FROM ghostwatch.status $$,
    $$ VALUES ('welcome', 'greeting', 'ok', 0::bigint, 0::bigint, '1 minute'::interval, '') $$,
    'a freshly checked invariant is ok; the lag counts from its deadline'
);

INSERT INTO ghostwatch.violation (invariant_id, subject_key, born_at, branch_family, state, opened_at)
SELECT i.invariant_id, v.key, '2026-01-01 11:58+00', 'none', v.state, '2026-01-01 11:59+00'
FROM ghostwatch.invariant AS i, (VALUES ('1', 'warn'), ('2', 'warn'), ('3', 'error'), ('4', 'exempt')) AS v (key, state);
SELECT results_eq(
    $$ SELECT state, warn_count, error_count FROM ghostwatch.status $$,
    $$ VALUES ('ok', 2::bigint, 1::bigint) $$,
    'open violations are counted; only a firing alert makes a state of them'
);

INSERT INTO ghostwatch.alert (kind, invariant_id, state, severity, opened_at, changed_at)
SELECT 'violations', i.invariant_id, 'firing', 'error', '2026-01-01 11:59+00', '2026-01-01 11:59+00'
FROM ghostwatch.invariant AS i;
SELECT is(pg_temp.state(), 'error', 'the state is the severity of the firing alert');

INSERT INTO ghostwatch.alert (alert_id, kind, invariant_id, state, severity, opened_at, changed_at)
SELECT 1000, 'no_signups', i.invariant_id, 'firing', 'warn', '2026-01-01 11:59+00', '2026-01-01 11:59+00'
FROM ghostwatch.invariant AS i;
SELECT results_eq(
    $$ SELECT state, remark FROM ghostwatch.status $$,
    $$ VALUES ('error', '') $$,
    'of two alerts the worse one counts'
);
UPDATE ghostwatch.alert SET severity = 'error' WHERE alert_id = 1000;
UPDATE ghostwatch.alert SET state = 'resolved' WHERE alert_id <> 1000;
SELECT results_eq(
    $$ SELECT state, alert_id, remark FROM ghostwatch.status $$,
    $$ VALUES ('error', 1000::bigint, 'nobody has come for unusually long') $$,
    'that nobody comes any more is said'
);
DELETE FROM ghostwatch.alert WHERE alert_id = 1000;

UPDATE ghostwatch.check_progress SET catching_up_since = '2026-01-01 08:00+00';
SELECT results_eq(
    $$ SELECT state, remark FROM ghostwatch.status $$,
    $$ VALUES ('catching up', 'catching up with what became due since 2026-01-01 08:01:00+00') $$,
    'a backlog comes before an alert'
);

UPDATE ghostwatch.check_progress SET last_success_at = '2026-01-01 11:56+00';
SELECT is(pg_temp.state(), 'stopped', 'three periods without success: stopped');

SELECT ghostwatch.set_setting('check_period', '2 minutes');
SELECT is(pg_temp.state(), 'catching up', 'with a longer period it is not overdue yet');

UPDATE ghostwatch.check_progress SET failing_since = '2026-01-01 11:57+00', last_error = 'no such table', catching_up_since = NULL;
SELECT results_eq(
    $$ SELECT state, remark FROM ghostwatch.status $$,
    $$ VALUES ('failing', 'failing since 2026-01-01 11:57:00+00: no such table') $$,
    'a failing check says why'
);

SELECT ghostwatch.pause();
SELECT results_eq(
    $$ SELECT state, paused FROM ghostwatch.status $$,
    $$ VALUES ('paused', true) $$,
    'a pause comes before everything'
);

SELECT ghostwatch.resume();
UPDATE ghostwatch.check_progress SET failing_since = NULL, last_error = NULL;
UPDATE ghostwatch.invariant SET rule = 'drift';
INSERT INTO ghostwatch.branch_minute (invariant_id, minute, branch_family, due, violations)
SELECT i.invariant_id, '2026-01-01 11:00+00', f.family, 20, 2
FROM ghostwatch.invariant AS i, (VALUES ('a'), ('b')) AS f (family);
SELECT results_eq(
    $$ SELECT remark FROM ghostwatch.status $$,
    $$ VALUES ('compared with the expected rate (12.5 %) until there are 100 trials, 40 so far') $$,
    'a drift rule without a baseline yet says so'
);

UPDATE ghostwatch.branch_minute SET due = 500, violations = 40;
SELECT ghostwatch._score_trials(
    i.invariant_id, '2026-01-01 12:00+00', ARRAY['2026-01-01 11:59+00'::timestamptz], ARRAY[false], ARRAY['a']
)
FROM ghostwatch.invariant AS i;
SELECT matches(
    (SELECT s.remark FROM ghostwatch.status AS s),
    (SELECT format('^usually %s %%, no alert below \d+\.\d %%$', round((b.baseline_rate * 100)::numeric, 1)) FROM ghostwatch.drift_baseline AS b),
    'one that has a baseline says what it is'
);

SELECT * FROM finish();
ROLLBACK;
