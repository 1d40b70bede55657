BEGIN;
\ir fixture.psql
SELECT plan(17);

SELECT ghostwatch.add_channel('admins', -1001);
SELECT throws_ok('SELECT ghostwatch.explain_alert(-1)', 'GW030', NULL, 'only an alert that exists can be explained');

SELECT pg_temp.ghost('1', 'warn', 'kitchen', '11:58');
SELECT pg_temp.ghost('2', 'error', 'none', '11:50');
UPDATE ghostwatch.violation SET escalated_at = opened_at WHERE subject_key = '2';
INSERT INTO ghostwatch.branch_minute VALUES
    (pg_temp.invariant_id(), '2026-01-01 11:58+00', 'kitchen', 1, 1),
    (pg_temp.invariant_id(), '2026-01-01 11:50+00', 'none', 3, 1);
SELECT pg_temp.run('12:00');
SELECT pg_temp.deliver('12:00');
SELECT ghostwatch.silence('shop', 'first_order', by => 'anna', comment => 'deploying');
SELECT ghostwatch.acknowledge((pg_temp.alert()).alert_id, 'boris', 'mine');

CREATE FUNCTION pg_temp.explained(topic text, item text) RETURNS text
LANGUAGE sql AS $$
    SELECT e.value FROM ghostwatch.explain_alert((pg_temp.alert()).alert_id) AS e WHERE e.topic = $1 AND e.item LIKE $2
$$;

SELECT is(pg_temp.explained('counts', 'warn_count'), '1', 'an explanation has the counts');
SELECT is(pg_temp.explained('counts', 'sample_keys'), '["2", "1"]', 'the samples');
SELECT is(pg_temp.explained('branches', 'none'), '1 of 3', 'the branches');
SELECT is(pg_temp.explained('evidence', 'error_after'), '00:05:00', 'the thresholds');
SELECT is(pg_temp.explained('alert', 'acknowledged_by'), 'boris', 'who takes care of it');
SELECT is(
    pg_temp.explained('silences', '%'),
    '2026-01-01 12:00:00+00 to 2026-01-01 13:00:00+00 by anna, of shop/first_order: deploying',
    'the silence that was in force'
);
SELECT matches(
    (SELECT string_agg(e.value, '|' ORDER BY e.item) FROM ghostwatch.explain_alert((pg_temp.alert()).alert_id) AS e WHERE e.topic = 'notifications'),
    '^opened to admins at 2026-01-01 12:00:00\+00: sent\|updated to admins',
    'the notifications'
);
SELECT ghostwatch.add_channel('later', -1002);
SELECT ghostwatch.add_channel('other', -1003);
UPDATE ghostwatch.channel SET contracts = '{elsewhere}' WHERE name = 'other';
DELETE FROM ghostwatch.notification AS n USING ghostwatch.channel AS c WHERE c.channel_id = n.channel_id AND c.name IN ('other', 'later');
SELECT results_eq(
    $$SELECT e.item, e.value FROM ghostwatch.explain_alert((pg_temp.alert()).alert_id) AS e WHERE e.topic = 'channels'$$,
    $$VALUES
        ('admins', 'opened sent at 2026-01-01 12:00:00+00'),
        ('later', 'not sent: the channel did not exist, or had another filter, when the messages were due'),
        ('other', 'not sent: the channel gets elsewhere only')$$,
    'every channel, with why it was or was not sent the alert'
);
SELECT ghostwatch.remove_channel(c) FROM unnest('{later,other}'::text[]) AS c;
-- The query runs as it stands.
CREATE FUNCTION pg_temp.reproduced() RETURNS SETOF record
LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE pg_temp.explained('query', '%'); END $$;
SELECT results_eq(
    'SELECT * FROM pg_temp.reproduced() AS r (family text, warns bigint, errors bigint) WHERE family IS NULL',
    $$VALUES (NULL::text, 1::bigint, 1::bigint)$$,
    'and a query that shows the numbers again'
);
UPDATE ghostwatch.alert SET evidence = evidence || '{"query": "SELECT 1", "baseline": 0.09}';
SELECT is(pg_temp.explained('query', '%'), 'SELECT 1', 'or the one that its rule left');
SELECT is(pg_temp.explained('evidence', 'baseline'), '0.09', 'as evidence, with its baseline');
UPDATE ghostwatch.alert SET evidence = evidence - 'query';

SELECT pg_temp.heal('12:10');
SELECT pg_temp.run('12:10');
SELECT pg_temp.run('12:15');
SELECT results_eq(
    'SELECT * FROM pg_temp.reproduced() AS r (family text, ending text, subjects bigint) WHERE family IS NULL',
    $$VALUES (NULL::text, NULL::text, 2::bigint)$$,
    'of a resolved alert, the query shows what became of those it was about'
);
SELECT results_eq(
    $$SELECT state, severity, lasted, peak_count, first_branch, acknowledged_by, messages_sent, messages_waiting, messages_suppressed
      FROM ghostwatch.alert_history$$,
    $$VALUES ('resolved', 'error', interval '15 minutes', 2, 'kitchen', 'boris', 1::bigint, 0::bigint, 1::bigint)$$,
    'the history has a row for every incident'
);

-- An alert outlives what it was about.
SELECT pg_temp.ghost('3', 'warn', 'none', '13:00');
SELECT pg_temp.run('13:01');
SELECT ghostwatch.drop_contract('shop');
SELECT results_eq(
    $$SELECT contract, invariant, state, evidence -> 'dropped' FROM ghostwatch.alert ORDER BY alert_id DESC LIMIT 1$$,
    $$VALUES ('shop', 'first_order', 'resolved', 'true'::jsonb)$$,
    'dropping a contract resolves its alert, which keeps its names'
);
SELECT is(pg_temp.messages('{pending}'), '{resolved}', 'and is announced');
SELECT is(pg_temp.explained('query', '%'), NULL, 'there is nothing left to count');

SELECT * FROM finish();
ROLLBACK;
