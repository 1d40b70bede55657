BEGIN;
\ir fixture.psql
SELECT plan(24);

SELECT ghostwatch.add_channel('admins', -1001);

-- What a rule answers, without deciding anything.
CREATE FUNCTION pg_temp.threshold(at text DEFAULT '12:00') RETURNS ghostwatch._rule_result
LANGUAGE sql AS $$
    SELECT ghostwatch._threshold_result(pg_temp.invariant_id(), ('2026-01-01 ' || at || '+00')::timestamptz)
$$;

-- min_count
SELECT is((pg_temp.threshold()).firing, false, 'no violation, no alert');
SELECT pg_temp.ghost(n::text, 'warn', 'none', '11:56') FROM generate_series(1, 4) AS n;
SELECT is((pg_temp.threshold()).firing, true, 'by default one violation is enough');
UPDATE ghostwatch.invariant SET min_count = 5 WHERE name = 'first_order';
SELECT is((pg_temp.threshold()).firing, false, 'fewer than min_count are held back');
SELECT pg_temp.ghost('5', 'error', 'none', '11:54');
SELECT is((pg_temp.threshold()).firing, true, 'min_count of them are not');
SELECT is((pg_temp.threshold()).severity, 'warn', 'but one error of five is not yet enough for an error');
SELECT pg_temp.ghost(n::text, 'error', 'none', '11:54') FROM generate_series(1, 5) AS n;
SELECT is((pg_temp.threshold()).severity, 'error', 'five are');

-- min_rate
UPDATE ghostwatch.invariant SET min_count = 1, min_rate = 0.5 WHERE name = 'first_order';
INSERT INTO ghostwatch.branch_minute VALUES (pg_temp.invariant_id(), '2026-01-01 11:54+00', 'none', 11, 5);
SELECT is((pg_temp.threshold()).firing, false, 'five of eleven are under min_rate');
UPDATE ghostwatch.branch_minute SET due = 10;
SELECT is((pg_temp.threshold()).firing, true, 'five of ten are not');
UPDATE ghostwatch.invariant SET min_count = 6 WHERE name = 'first_order';
SELECT is((pg_temp.threshold()).firing, false, 'both limits hold together');
UPDATE ghostwatch.invariant SET min_count = 1 WHERE name = 'first_order';
INSERT INTO ghostwatch.branch_minute VALUES (pg_temp.invariant_id(), '2026-01-01 11:20+00', 'none', 1000, 0);
SELECT is((pg_temp.threshold()).firing, true, 'the rate is that of the subjects under watch, not of those before');
UPDATE ghostwatch.violation SET state = 'warn' WHERE subject_key <> '1';
INSERT INTO ghostwatch.branch_minute VALUES (pg_temp.invariant_id(), '2026-01-01 11:57+00', 'none', 1, 1);
UPDATE ghostwatch.invariant SET min_rate = 0.3 WHERE name = 'first_order';
SELECT is((pg_temp.threshold()).severity, 'warn', 'an error needs min_rate of those old enough to be one');
UPDATE ghostwatch.invariant SET min_rate = 0 WHERE name = 'first_order';

-- Branches
SELECT pg_temp.ghost('k' || n, 'error', 'kitchen', '11:50') FROM generate_series(1, 2) AS n;
INSERT INTO ghostwatch.branch_minute VALUES (pg_temp.invariant_id(), '2026-01-01 11:50+00', 'kitchen', 2, 2);
INSERT INTO ghostwatch.branch_minute VALUES (pg_temp.invariant_id(), '2026-01-01 11:50+00', 'other', 7, 0);
SELECT is(
    (pg_temp.threshold()).branches,
    '[{"family": "kitchen", "violations": 2, "due": 2}, {"family": "none", "violations": 5, "due": 11}, {"family": "other", "violations": 0, "due": 7}]',
    'branches count all that are open, of all that are due; the largest excess comes first'
);
UPDATE ghostwatch.violation SET state = 'warn';
SELECT is(
    (pg_temp.threshold()).branches -> 1,
    '{"family": "none", "violations": 5, "due": 11}',
    'whether they are errors or warnings'
);
SELECT is((pg_temp.threshold()).sample_keys, '{k1,k2,5,1,2}', 'the samples are the five oldest');

-- Catching up
UPDATE ghostwatch.check_progress SET catching_up_since = '2026-01-01 02:00+00';
SELECT is(
    (pg_temp.threshold()).evidence ->> 'catching_up_since',
    '2026-01-01T02:00:00+00:00',
    'while a backlog is worked off, the alert says so'
);
SELECT pg_temp.run('12:00');
SELECT pg_temp.heal('12:00');
SELECT pg_temp.run('12:01');
SELECT pg_temp.run('12:30');
SELECT is((pg_temp.alert()).state, 'firing', 'and nothing is resolved before it is done');
UPDATE ghostwatch.check_progress SET catching_up_since = NULL;
SELECT pg_temp.run('12:31');
SELECT is((pg_temp.alert()).state, 'resolved', 'then it is');

-- A rule that is changed
SELECT pg_temp.ghost('8', 'warn', 'none', '12:30');
SELECT pg_temp.run('12:32');
SELECT pg_temp.ghost('9', 'warn', 'none', '12:30');
UPDATE ghostwatch.invariant SET rule = 'drift' WHERE name = 'first_order';
SELECT ghostwatch._keep_firing(
    pg_temp.alert(), jsonb_populate_record(pg_temp.threshold('12:33'), '{"rule": "drift"}'), '2026-01-01 12:33+00'
);
SELECT is((pg_temp.alert()).rule, 'drift', 'an alert goes by the rule that its numbers come from');
UPDATE ghostwatch.invariant SET rule = 'threshold' WHERE name = 'first_order';
SELECT ghostwatch._open_alert('no_signups', pg_temp.invariant_id(), ROW(true, 'error', 0, 0, '{}', '[]', '{}', '0', NULL)::ghostwatch._rule_result, '2026-01-01 12:34+00');
SELECT pg_temp.run('12:35');
SELECT is((pg_temp.alert()).state, 'resolved', 'what only drift can know ends with it');
SELECT pg_temp.heal('12:35');
SELECT pg_temp.run('12:36');
SELECT pg_temp.run('12:45');

-- A check that fails
SELECT pg_temp.ghost('10', 'warn', 'none', '13:40');
SELECT pg_temp.run('14:00');
UPDATE ghostwatch.check_progress
SET failing_since = '2026-01-01 14:01+00', last_error = 'permission denied', last_error_state = '42501';
SELECT pg_temp.heal('14:01');
SELECT pg_temp.run('14:01');
SELECT is(
    ((pg_temp.alert()).kind, (pg_temp.alert()).severity, (pg_temp.alert()).evidence ->> 'last_error')::text,
    ('check_failing'::text, 'warn'::text, 'permission denied'::text)::text,
    'a check that fails is an alert of its own'
);
SELECT pg_temp.run('14:04');
SELECT is((pg_temp.alert()).severity, 'error', 'after three periods it is an error');
SELECT pg_temp.run('14:20');
SELECT is(
    (SELECT a.state FROM ghostwatch.alert AS a WHERE a.kind = 'violations' AND a.opened_at = '2026-01-01 14:00+00'),
    'firing',
    'without counts nothing is known to be right'
);
UPDATE ghostwatch.check_progress SET failing_since = NULL, last_error = NULL, last_error_state = NULL;
SELECT pg_temp.run('14:21');
SELECT is((pg_temp.alert()).state, 'resolved', 'one check that succeeds resolves it');
SELECT is((pg_temp.alert()).evidence ->> 'last_error', 'permission denied', 'and the error stays in the history');

SELECT * FROM finish();
ROLLBACK;
