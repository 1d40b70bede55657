BEGIN;
\ir ../alert/fixture.psql
SELECT plan(21);
SET LOCAL timezone = 'UTC';
SET LOCAL ghostwatch.clock = '2026-01-01 12:00+00';

UPDATE ghostwatch.check_progress
SET last_success_at = '2026-01-01 11:59+00', watermark = '2026-01-01 11:58+00', checked_up_to = '2026-01-01 11:58+00';
SELECT results_eq(
    $$ SELECT contract, invariant, subject_label, missing_label, state, since, warn_count, error_count, alert_id, usual_rate FROM ghostwatch.page_clauses() $$,
    $$ VALUES ('shop', 'first_order', 'new users', 'a first order', 'ok', NULL::timestamptz, 0::bigint, 0::bigint, NULL::bigint, NULL::double precision) $$,
    'a clause that never had an alert is ok since ever'
);

INSERT INTO ghostwatch.alert (alert_id, kind, invariant_id, contract, invariant, rule, state, severity, opened_at, resolved_at, changed_at)
VALUES (0, 'violations', pg_temp.invariant_id(), 'shop', 'first_order', 'threshold', 'resolved', 'error', '2026-01-01 09:00+00', '2026-01-01 09:30+00', '2026-01-01 09:30+00');
SELECT is((SELECT since FROM ghostwatch.page_clauses()), '2026-01-01 09:30+00'::timestamptz, 'ok since the last alert was resolved');

SELECT ghostwatch.add_channel('admins', -1001);
SELECT pg_temp.ghost('6001480', 'error', 'kitchen', '11:50');
SELECT pg_temp.ghost('6001490', 'warn', 'none', '11:58');
SELECT pg_temp.ghost('6001500', 'recovered', 'none', '11:52');
UPDATE ghostwatch.violation SET escalated_at = opened_at WHERE state = 'error';
UPDATE ghostwatch.violation SET close_reason = 'row_came', closed_at = '2026-01-01 11:56+00' WHERE state = 'recovered';
INSERT INTO ghostwatch.branch_minute VALUES
    (pg_temp.invariant_id(), '2026-01-01 11:50+00', 'kitchen', 1, 1),
    (pg_temp.invariant_id(), '2026-01-01 11:52+00', 'none', 9, 1),
    (pg_temp.invariant_id(), '2026-01-01 11:58+00', 'none', 3, 1);
SELECT pg_temp.run('12:01');
CREATE FUNCTION pg_temp.alert_id() RETURNS bigint LANGUAGE sql AS $$ SELECT max(alert_id) FROM ghostwatch.alert $$;
CREATE TEMPORARY TABLE changes AS SELECT ghostwatch.page_changes() AS before;
SELECT results_eq(
    $$ SELECT state, since, warn_count, error_count, alert_id = pg_temp.alert_id(), alert_severity, acknowledged_by, silenced_until FROM ghostwatch.page_clauses() $$,
    $$ VALUES ('error', '2026-01-01 12:01+00'::timestamptz, 1::bigint, 1::bigint, true, 'error', NULL::text, NULL::timestamptz) $$,
    'a firing alert shows what is open and since when it fires'
);

SELECT ghostwatch.acknowledge(pg_temp.alert_id(), 'boris', 'mine');
SELECT ghostwatch.silence('shop', 'first_order', by => 'anna', comment => 'deploying');
SELECT results_eq(
    $$ SELECT acknowledged_by, silenced_until FROM ghostwatch.page_clauses() $$,
    $$ VALUES ('boris', '2026-01-01 13:01+00'::timestamptz) $$,
    'who takes care of it, and until when it is silenced'
);
SELECT isnt(ghostwatch.page_changes(), (SELECT before FROM changes), 'and the page knows that it is to be drawn anew');

SELECT ghostwatch.maintenance('20 minutes', 'release 7');
SELECT is((SELECT maintenance_until FROM ghostwatch.page_clauses()), '2026-01-01 12:21+00'::timestamptz, 'a maintenance window shows');
SELECT bag_eq(
    $$ SELECT kind, starts_at, ends_at, comment FROM ghostwatch.page_marks('shop', '2026-01-01 00:00+00') $$,
    $$ VALUES ('silence', '2026-01-01 12:01+00'::timestamptz, '2026-01-01 13:01+00'::timestamptz, 'deploying'),
              ('maintenance', '2026-01-01 12:01+00', '2026-01-01 12:21+00', 'release 7') $$,
    'so do the marks over time'
);
SELECT is_empty($$ SELECT * FROM ghostwatch.page_marks('other', '2026-01-01 00:00+00') WHERE kind = 'silence' $$, 'but only those of the contract');

SELECT results_eq(
    $$ SELECT due, in_time, by_error_after, by_watch_for, never, still_open, excused
       FROM ghostwatch.page_cohort('shop', 'first_order', '2026-01-01 11:00+00') $$,
    $$ VALUES (13::bigint, 10::bigint, 1::bigint, 0::bigint, 0::bigint, 2::bigint, 0::bigint) $$,
    'a cohort says when its members had their row'
);
UPDATE ghostwatch.violation SET state = 'expired', closed_at = '2026-01-01 12:15+00', close_reason = 'expired' WHERE subject_key = '6001480';
UPDATE ghostwatch.violation SET state = 'recovered', closed_at = '2026-01-01 12:10+00', close_reason = 'row_came' WHERE subject_key = '6001490';
SELECT results_eq(
    $$ SELECT by_error_after, by_watch_for, never, still_open FROM ghostwatch.page_cohort('shop', 'first_order', '2026-01-01 11:00+00') $$,
    $$ VALUES (1::bigint, 1::bigint, 1::bigint, 0::bigint) $$,
    'late, and never'
);
SELECT throws_ok($$ SELECT * FROM ghostwatch.page_cohort('shop', 'no', now()) $$, 'GW007', NULL, 'only an invariant that exists has cohorts');

SELECT results_eq(
    $$ SELECT alert_id, state, severity, first_branch, acknowledged_by, silenced FROM ghostwatch.page_alerts('shop') $$,
    $$ SELECT pg_temp.alert_id(), 'firing', 'error', 'kitchen', 'boris', true UNION ALL VALUES (0::bigint, 'resolved', 'error', NULL, NULL, false) $$,
    'alerts come youngest first'
);

SELECT results_eq(
    $$ SELECT what, detail FROM ghostwatch.page_alert_timeline(pg_temp.alert_id()) $$,
    $$ VALUES
        ('opened', NULL),
        ('escalated', NULL),
        ('acknowledged', 'boris: mine'),
        ('silenced', 'until 2026-01-01 13:01 UTC by anna: deploying'),
        ('message', 'opened, to admins: pending') $$,
    'a timeline has every step and every message'
);
SELECT results_eq(
    $$ SELECT channel, outcome FROM ghostwatch.page_alert_delivery(pg_temp.alert_id()) $$,
    $$ VALUES ('admins', 'opened pending') $$,
    'and each channel its reason'
);
SELECT throws_ok('SELECT * FROM ghostwatch.page_alert_delivery(-1)', 'GW030', NULL, 'only an alert that exists was delivered');
SELECT throws_ok('SELECT * FROM ghostwatch.page_alert(-1)', 'GW030', NULL, 'only an alert that exists has a page');
SELECT throws_ok('SELECT * FROM ghostwatch.page_alert_timeline(-1)', 'GW030', NULL, 'and a timeline');

SELECT results_eq(
    $$ SELECT paused, checks_fresh, notifications_waiting, channels, channels_closed, sidecars FROM ghostwatch.page_health() $$,
    $$ VALUES (false, true, 1::bigint, 1::bigint, 0::bigint, 0::bigint) $$,
    'health in one row'
);

-- No key, and no row in an error.
UPDATE ghostwatch.check_progress SET failing_since = '2026-01-01 12:00+00', last_error = 'invalid input: "anna@example"', last_error_state = '22P02';
UPDATE ghostwatch.alert SET evidence = '{"last_error": "invalid input: \"anna@example\"", "min_count": 1}' WHERE alert_id = pg_temp.alert_id();
CREATE FUNCTION pg_temp.shown() RETURNS text LANGUAGE sql AS $$
    SELECT concat(
        (SELECT string_agg(p::text, ' ') FROM ghostwatch.page_clauses() AS p),
        (SELECT string_agg(p::text, ' ') FROM ghostwatch.page_alert(pg_temp.alert_id()) AS p),
        (SELECT string_agg(p::text, ' ') FROM ghostwatch.page_alert_timeline(pg_temp.alert_id()) AS p),
        (SELECT string_agg(p::text, ' ') FROM ghostwatch.page_alerts() AS p),
        (SELECT string_agg(p::text, ' ') FROM ghostwatch.page_findings() AS p)
    )
$$;
SELECT is(pg_temp.shown() ~ '60014[89]0|anna@example', false, 'no key of a subject is shown, and no error that may quote a row');
SELECT matches(pg_temp.shown(), 'SQLSTATE 22P02', 'its code is');
SELECT ghostwatch.set_setting('page_sample_keys', 'true');
SELECT matches(pg_temp.shown(), '6001480.*anna@example', 'unless the operator switches them on');

SELECT * FROM finish();
ROLLBACK;
