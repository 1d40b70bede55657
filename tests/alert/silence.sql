BEGIN;
\ir fixture.psql
SELECT plan(31);

SELECT ghostwatch.add_channel('admins', -1001);

-- Refused
SELECT throws_ok($$SELECT ghostwatch.silence('nonsense')$$, 'GW001', NULL, 'a silence needs a contract that exists');
SELECT throws_ok($$SELECT ghostwatch.silence('shop', 'nonsense')$$, 'GW007', NULL, 'and an invariant that exists');
SELECT throws_ok($$SELECT ghostwatch.silence('shop', branch => 'kichen')$$, 'GW033', NULL, 'and a branch family that exists');
SELECT lives_ok($$SELECT ghostwatch.silence('shop', branch => f) FROM unnest('{none,other,kitchen}'::text[]) AS f$$, 'the families that need no declaration exist');
SELECT throws_ok($$SELECT ghostwatch.silence('shop', duration => '0')$$, 'GW034', NULL, 'and an end');
SELECT throws_ok($$SELECT ghostwatch.silence('shop', duration => NULL)$$, 'GW034', NULL, 'always');
SELECT throws_ok($$SELECT ghostwatch.silence('shop', duration => '300000 years')$$, 'GW034', NULL, 'that somebody may live to see');
SELECT throws_ok($$SELECT ghostwatch.silence('shop', by => '')$$, 'GW035', NULL, 'and an author');
SELECT throws_ok($$SELECT ghostwatch.unsilence(-1)$$, 'GW036', NULL, 'only a silence that exists can be ended');
SELECT lives_ok($$SELECT ghostwatch.unsilence(s.silence_id) FROM ghostwatch.silence AS s$$, 'it can be ended at once');
SELECT throws_ok(
    $$SELECT ghostwatch.unsilence(s.silence_id) FROM ghostwatch.silence AS s$$, 'GW036', NULL, 'but only once'
);
DELETE FROM ghostwatch.silence;

-- A whole invariant
SELECT set_config('ghostwatch.clock', '2026-01-01 12:00+00', true);
SELECT ghostwatch.silence('shop', 'first_order', duration => '1 hour', by => 'anna', comment => 'deploying');
SELECT pg_temp.ghost('1', 'warn', 'kitchen', '11:58');
SELECT is(pg_temp.run('12:01'), false, 'an alert under silence wakes no sidecar');
SELECT is(pg_temp.messages(), '{}', 'no message waits');
SELECT results_eq(
    $$SELECT state, state_reason FROM ghostwatch.notification$$,
    $$SELECT 'suppressed', format('silence %s by anna until 2026-01-01 13:00:00+00: deploying', s.silence_id) FROM ghostwatch.silence AS s$$,
    'but it is kept, with who, until when and why'
);
SELECT pg_temp.ghost('1', 'error', 'kitchen', '11:58');
SELECT pg_temp.run('12:05');
SELECT is(pg_temp.messages('{suppressed}'), '{opened,escalated}', 'an escalation is suppressed too');
SELECT is(pg_temp.run('12:59'), false, 'until the end');
SELECT is(pg_temp.run('13:00'), true, 'the end of a silence wakes the sidecars');
SELECT is(pg_temp.messages(), '{silence_ended}', 'if the alert is still firing');
SELECT pg_temp.deliver('13:00');

-- A silence of an alert that was announced before
SELECT ghostwatch.silence('shop', duration => '30 minutes', by => 'boris');
SELECT is(
    (SELECT s.comment FROM ghostwatch.silence AS s WHERE s.created_by = 'boris'),
    'no reason given',
    'a silence without a reason says so'
);
SELECT is(
    (SELECT n.state FROM ghostwatch.notification AS n WHERE n.reason = 'updated'),
    'pending',
    'the message in the chat is edited to show the silence'
);
SELECT pg_temp.deliver('13:05');
SELECT pg_temp.heal('13:05');
SELECT pg_temp.run('13:06');
SELECT pg_temp.run('13:11');
SELECT is(pg_temp.messages('{suppressed}'), '{opened,escalated,resolved}', 'a resolution is suppressed too');
SELECT is(pg_temp.run('13:31'), false, 'and nothing is sent after the silence');

-- Unsilenced
SELECT pg_temp.ghost('2', 'error', 'kitchen', '14:00');
SELECT ghostwatch.silence('shop', duration => '1 day', by => 'anna', comment => 'x');
SELECT pg_temp.run('14:06');
SELECT ghostwatch.unsilence((pg_temp.alert()).silence_id);
SELECT pg_temp.run('14:07');
SELECT is(pg_temp.messages(), '{silence_ended,silence_ended}', 'when a silence is ended early, an alert that is still firing is announced');
SELECT pg_temp.heal('14:08');
SELECT pg_temp.run('14:08');
SELECT pg_temp.run('14:13');
DELETE FROM ghostwatch.violation;

-- Branches
SELECT is(
    ghostwatch._silence_in_force('shop', 'first_order', '[{"family": "kitchen", "violations": 1}]', '2026-01-01 15:00+00'),
    NULL,
    'no silence is in force any more'
);
SELECT set_config('ghostwatch.clock', '2026-01-01 15:00+00', true);
SELECT ghostwatch.silence('shop', branch => 'kitchen', duration => '1 day', by => 'anna', comment => 'known');
CREATE FUNCTION pg_temp.silent(branches jsonb) RETURNS boolean
LANGUAGE sql AS $$
    SELECT ghostwatch._silence_in_force('shop', 'first_order', branches, '2026-01-01 15:00+00') IS NOT NULL
$$;
SELECT ok(
    pg_temp.silent('[{"family": "kitchen", "violations": 1}, {"family": "none", "violations": 0}]'),
    'an alert is silenced if all its violations are of a silenced branch'
);
SELECT ok(
    NOT pg_temp.silent('[{"family": "kitchen", "violations": 9}, {"family": "none", "violations": 1}]'),
    'a violation of another branch ends that'
);
SELECT ok(
    pg_temp.silent('[{"family": "kitchen", "violations": 9, "named": true}, {"family": "none", "violations": 1}]'),
    'unless the rule named the silenced branch'
);
SELECT ok(
    NOT pg_temp.silent('[{"family": "kitchen", "violations": 9, "named": true}, {"family": "none", "violations": 8, "named": true}]'),
    'and no other'
);
SELECT ok(NOT pg_temp.silent('[]'), 'an alert that is about no branch is not silenced by one');
SELECT ghostwatch.silence('shop', branch => 'none', by => 'anna', comment => 'known too');
SELECT ok(
    pg_temp.silent('[{"family": "kitchen", "violations": 9}, {"family": "none", "violations": 1}]'),
    'silences of several branches work together'
);

-- An alert that was never announced
SELECT pg_temp.deliver('18:59');
SELECT set_config('ghostwatch.clock', '2026-01-01 19:00+00', true);
SELECT ghostwatch.silence('shop', duration => '4 minutes', by => 'anna', comment => 'x');
SELECT pg_temp.ghost('4', 'error', 'other', '18:55');
SELECT pg_temp.run('19:00');
SELECT pg_temp.heal('19:01');
SELECT pg_temp.run('19:02');
SELECT pg_temp.run('19:07');
SELECT is(
    (SELECT array_agg(c.reason) FROM ghostwatch.claim_notifications('sidecar') AS c), NULL,
    'the end of an alert that was announced to nobody is sent to nobody'
);
DELETE FROM ghostwatch.violation;

SELECT * FROM finish();
ROLLBACK;
