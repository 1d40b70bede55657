BEGIN;
SELECT plan(22);
SET LOCAL ghostwatch.clock = '2026-01-01 12:00+00';

SELECT is(ghostwatch._setting('batch_size'), '10000', 'an unchanged setting has its default');

SELECT lives_ok(
    $$ SELECT ghostwatch.set_setting('batch_size', '500') $$,
    'a setting can be changed'
);
SELECT is(ghostwatch._setting('batch_size'), '500', 'a changed setting has its new value');
SELECT results_eq(
    $$ SELECT value, default_value, changed_at, changed_by FROM ghostwatch.settings WHERE name = 'batch_size' $$,
    $$ VALUES ('500', '10000', '2026-01-01 12:00+00'::timestamptz, current_user) $$,
    'the view says what was changed, when and by whom'
);

SET LOCAL ghostwatch.clock = '2026-01-02 12:00+00';
SELECT lives_ok(
    $$ SELECT ghostwatch.set_setting('batch_size', '500') $$,
    'a setting can be changed to what it is'
);
SELECT results_eq(
    $$ SELECT changed_at FROM ghostwatch.settings WHERE name = 'batch_size' $$,
    $$ VALUES ('2026-01-01 12:00+00'::timestamptz) $$,
    'which is no change'
);

SELECT lives_ok(
    $$ SELECT ghostwatch.reset_setting('batch_size') $$,
    'a setting can be reset'
);
SELECT is(ghostwatch._setting('batch_size'), '10000', 'a reset setting has its default again');
SELECT is_empty(
    $$ SELECT * FROM ghostwatch.changed_setting $$,
    'and leaves nothing behind'
);

SELECT throws_ok(
    $$ SELECT ghostwatch._setting('batch') $$,
    'GW050', 'there is no setting ''batch''',
    'an unknown setting has no value'
);
SELECT throws_ok(
    $$ SELECT ghostwatch.set_setting('batch', '1') $$,
    'GW050', NULL,
    'an unknown setting cannot be changed'
);
SELECT throws_ok(
    $$ SELECT ghostwatch.reset_setting('batch') $$,
    'GW050', NULL,
    'an unknown setting cannot be reset'
);
SELECT throws_ok(
    $$ SELECT ghostwatch.set_setting('batch_size', 'many') $$,
    'GW051', 'setting batch_size needs a value of type integer, not ''many''',
    'a malformed number is refused'
);
SELECT throws_ok(
    $$ SELECT ghostwatch.set_setting('run_budget', 'soon') $$,
    'GW051', NULL,
    'a malformed interval is refused'
);
SELECT throws_ok(
    $$ SELECT ghostwatch.set_setting('keep_check_runs', '1 minute') $$,
    'GW051', NULL,
    'a value below the minimum is refused'
);
SELECT throws_ok(
    $$ SELECT ghostwatch.set_setting('lock_wait', '100 days') $$,
    'GW051', NULL,
    'a wait that Postgres could not be told is refused'
);
SELECT throws_ok(
    $$ SELECT ghostwatch.set_setting('keep_alerts', '10000 years') $$,
    'GW051', NULL,
    'and so is a time before all times'
);
SELECT lives_ok(
    $$ SELECT ghostwatch.set_setting(d.name, d.maximum) FROM ghostwatch._setting_defaults() AS d WHERE d.maximum IS NOT NULL $$,
    'every maximum is a value that its own setting accepts'
);
SELECT lives_ok(
    $$ SELECT ghostwatch._prune(ghostwatch._clock()) $$,
    'and with which nothing is too old to be kept'
);
SELECT throws_ok(
    $$ SELECT ghostwatch.set_setting('paused', NULL) $$,
    'GW051', NULL,
    'NULL is refused'
);

SELECT lives_ok(
    $$ SELECT ghostwatch.set_setting(d.name, d.default_value) FROM ghostwatch._setting_defaults() AS d $$,
    'every default is a value that its own setting accepts'
);
SELECT is_empty(
    $$ SELECT name FROM ghostwatch.settings WHERE value IS NULL OR coalesce(description, '') = '' $$,
    'every setting has a value and a description'
);

SELECT * FROM finish();
ROLLBACK;
