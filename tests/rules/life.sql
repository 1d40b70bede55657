BEGIN;
\ir fixture.psql
SELECT plan(42);

-- A normal day.
SELECT is(pg_temp.usual(600), false, 'ordinary drop-off is no alert');
SELECT is(pg_temp.usual(600, 'share'), false, 'nor is it through another branch');
SELECT is((pg_temp.alert()).alert_id, NULL, 'and no alert');
SELECT is((pg_temp.baseline()).version > 1, true, 'the baseline is made anew as trials come');
SELECT cmp_ok((pg_temp.baseline()).baseline_rate, '<', (pg_temp.baseline()).upper_rate, 'trials are measured by the bound, not by the rate itself');

-- An outage.
SELECT pg_temp.run('1 day');
SELECT is((pg_temp.alert('no_signups')).state, 'firing', 'a day without signups is an alert');
CREATE TEMPORARY TABLE version_before AS SELECT (pg_temp.baseline()).version;
INSERT INTO ghostwatch.violation (invariant_id, subject_key, born_at, branch_family, state, opened_at)
SELECT pg_temp.invariant_id(), 'key ' || n, c.at + n * interval '3 minutes', 'none', 'error', c.at
FROM clock AS c, generate_series(-1, 6) AS n;
CREATE TEMPORARY TABLE outage_began AS SELECT c.at FROM clock AS c;
SELECT is(pg_temp.trials_until('firing', 't'), 6, 'six ghosts in a row are an alert');
SELECT is((pg_temp.alert('no_signups')).state, 'resolved', 'signups come again');
SELECT is((pg_temp.alert()).severity, 'error', 'an outage is an error');
SELECT is(((pg_temp.alert()).evidence ->> 'since')::timestamptz, (SELECT o.at FROM outage_began AS o), 'it began with the first of them');
SELECT is((pg_temp.alert()).evidence ->> 'loss', '0.9', 'nearly all are lost');
SELECT is(
    ARRAY[((pg_temp.alert()).evidence ->> 'violations')::integer, ((pg_temp.alert()).evidence ->> 'due')::integer],
    ARRAY[6, 6],
    'with the counts since'
);
SELECT cmp_ok(
    ((pg_temp.alert()).evidence ->> 'statistic')::double precision, '>=', ((pg_temp.alert()).evidence ->> 'threshold')::double precision,
    'the statistic has reached the threshold'
);
SELECT cmp_ok(((pg_temp.alert()).evidence ->> 'tolerance')::double precision, '<', 0.2::double precision,
    'the tolerance is said');
SELECT is((pg_temp.alert()).sample_keys, '{key 0,key 1,key 2,key 3,key 4}', 'samples are of those since the change, oldest first');
SELECT is((pg_temp.alert()).error_count, 8, 'the counts are of all that are open');
SELECT is((pg_temp.baseline()).version >= (SELECT v.version FROM version_before AS v), true, 'a baseline is in force');

CREATE FUNCTION pg_temp.counted_again() RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE (pg_temp.alert()).evidence ->> 'query';
END
$$;
SELECT results_eq(
    'SELECT * FROM pg_temp.counted_again() AS t (family text, due bigint, violations bigint)',
    $$VALUES ('none', 6::bigint, 6::bigint), (NULL, 6, 6)$$,
    'the query in the evidence shows the numbers again'
);

-- Silence is no recovery, and what happens in an alert is not usual.
UPDATE version_before SET version = (pg_temp.baseline()).version;
SELECT pg_temp.run('3 days');
SELECT is((pg_temp.alert()).state, 'firing', 'no traffic never ends an alert');
SELECT pg_temp.judge(repeat('t', 200));
SELECT is((pg_temp.baseline()).version, (SELECT v.version FROM version_before AS v), 'the baseline is frozen while the alert fires');
SELECT is((pg_temp.alert()).severity, 'error', 'it goes on');

-- Recovery.
SELECT pg_temp.judge('fft');
SELECT is((pg_temp.alert()).state, 'firing', 'two healthy trials are no evidence of the end');
SELECT is(pg_temp.trials_until('resolved', 'f'), 2, 'two more are, and make up for the violated one between them');
SELECT is(
    (SELECT count(*) FROM ghostwatch.drift_detector AS a WHERE a.raised_at IS NOT NULL AND a.recovered_at IS NULL), 0::bigint,
    'because every detector has recovered'
);
SELECT pg_temp.run('1 day');
SELECT pg_temp.usual(200);
SELECT cmp_ok((pg_temp.baseline()).version, '>', (SELECT v.version FROM version_before AS v), 'then the baseline is made anew');
SELECT cmp_ok((pg_temp.baseline()).baseline_rate, '<', 0.12::double precision, 'and leaves the minutes inside the alert out');
SELECT is(
    (SELECT sum(f.violations) FROM unnest((pg_temp.baseline()).families) AS f), (pg_temp.baseline()).violations::numeric,
    'the families'' counts add up'
);

-- A change that came and went while nobody looked.
SELECT pg_temp.run('1 day');
SELECT pg_temp.judge(repeat('t', 40) || repeat('f', 200));
SELECT is((pg_temp.alert()).state, 'firing', 'what was over before a check saw it is an alert');
SELECT pg_temp.run();
SELECT is((pg_temp.alert()).state, 'resolved', 'and that it is over');

-- A moderate rise is a warning.
SELECT pg_temp.run('1 day');
SELECT pg_temp.trials_until('firing', 'tffff' );
SELECT is((pg_temp.alert()).severity, 'warn', 'a rate that has doubled is a warning');
SELECT cmp_ok(((pg_temp.alert()).evidence ->> 'loss')::double precision, '<', 0.3::double precision, 'few are lost');

-- Said to be usual.
UPDATE ghostwatch.invariant SET expected_rate = 0.2;
SELECT pg_temp.judge('tffff');
SELECT is((pg_temp.alert()).state, 'resolved', 'a rate that was declared to be usual is no alert');
SELECT is((pg_temp.baseline()).due, 0::bigint, 'what was counted before does not count any more');
SELECT is(round((pg_temp.baseline()).baseline_rate::numeric, 6), 0.2, 'the declared rate stands in until there is history');
SELECT is(pg_temp.judge(repeat('tffff', 60)), false, 'nor does it become one');

-- The settings.
SELECT throws_ok('UPDATE ghostwatch.invariant SET expected_rate = 1', '23514', NULL, 'nothing writes a setting that is out of its range');
SELECT pg_temp.judge('f');
UPDATE ghostwatch.invariant SET days_per_false_alarm = 9;
CREATE TEMPORARY TABLE threshold_before AS SELECT (pg_temp.baseline()).threshold;
SELECT pg_temp.judge('f');
SELECT cmp_ok((pg_temp.baseline()).threshold, '<', (SELECT t.threshold / 9 FROM threshold_before AS t),
    'more false alarms accepted: a lower threshold, at once');
SELECT is((pg_temp.baseline()).days_per_false_alarm, 9::double precision, 'the baseline knows the setting');

-- Under the other rule there is no silence to watch for.
SELECT pg_temp.run('2 days');
SELECT is((pg_temp.alert('no_signups')).state, 'firing', 'two days without signups');
UPDATE ghostwatch.invariant SET rule = 'threshold';
SELECT pg_temp.run();
SELECT is((pg_temp.alert('no_signups')).state, 'resolved', 'the rule threshold does not watch for silence');

-- Nobody came for so long that what was counted is pruned.
UPDATE ghostwatch.invariant SET rule = 'drift';
SELECT pg_temp.trials_until('firing', 't');
DELETE FROM ghostwatch.branch_minute;
SELECT lives_ok(
    $$ SELECT ghostwatch._decide_alerts(pg_temp.invariant_id(), (SELECT c.at FROM clock AS c)) $$, 'an alert outlives the counts that it rests on'
);
SELECT is((pg_temp.alert()).state, 'firing', 'and goes on');

SELECT * FROM finish();
ROLLBACK;
