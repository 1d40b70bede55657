BEGIN;
\ir fixture.psql
SELECT plan(7);

SELECT ghostwatch.add_channel('admins', -1001);

SELECT throws_ok($$SELECT ghostwatch.acknowledge(-1, 'anna')$$, 'GW030', NULL, 'only an alert that exists can be acknowledged');
SELECT throws_ok($$SELECT ghostwatch.acknowledge(NULL, 'anna')$$, 'GW030', NULL, 'NULL is none');
SELECT pg_temp.ghost('1', 'warn', 'none', '11:58');
SELECT pg_temp.run('12:00');
SELECT pg_temp.deliver('12:00');
SELECT throws_ok(
    $$SELECT ghostwatch.acknowledge((pg_temp.alert()).alert_id, '')$$, 'GW032', NULL, 'and only by somebody'
);

SELECT ghostwatch.acknowledge((pg_temp.alert()).alert_id, 'anna');
SELECT is(
    (SELECT n.state FROM ghostwatch.notification AS n WHERE n.reason = 'updated'),
    'pending',
    'the message in the chat is edited to show who it is'
);
SELECT pg_temp.ghost('1', 'error', 'none', '11:58');
SELECT pg_temp.run('12:04');
SELECT is(pg_temp.messages(), '{opened,escalated}', 'an escalation is announced all the same');
SELECT pg_temp.run('20:00');
SELECT is(pg_temp.messages(), '{opened,escalated}', 'and is not repeated either');

SELECT pg_temp.heal('20:00');
SELECT pg_temp.run('20:01');
SELECT pg_temp.run('20:06');
SELECT throws_ok(
    $$SELECT ghostwatch.acknowledge((pg_temp.alert()).alert_id, 'anna')$$, 'GW031', NULL, 'a resolved alert cannot be acknowledged'
);

SELECT * FROM finish();
ROLLBACK;
