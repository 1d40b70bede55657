BEGIN;
\ir ../alert/fixture.psql
SELECT plan(29);

-- Refused
SELECT throws_ok($$SELECT ghostwatch.add_channel('', -1001)$$, 'GW045', NULL, 'a channel needs a name');
SELECT throws_ok($$SELECT ghostwatch.add_channel('admins', 0)$$, 'GW045', NULL, 'and a chat');
SELECT throws_ok($$SELECT ghostwatch.add_channel('admins', NULL)$$, 'GW045', NULL, 'which is not NULL');
SELECT throws_ok($$SELECT ghostwatch.add_channel('admins', -1001, min_severity => 'info')$$, 'GW046', NULL, 'and a severity that exists');
SELECT throws_ok($$SELECT ghostwatch.add_channel('admins', -1001, contracts => '{shop,nonsense}')$$, 'GW047', NULL, 'and contracts that exist');
SELECT throws_ok($$SELECT ghostwatch.add_channel('admins', -1001, quiet_from => '22:00')$$, 'GW048', NULL, 'and quiet hours that end');
SELECT throws_ok($$SELECT ghostwatch.add_channel('admins', -1001, quiet_from => '8:00', quiet_until => '8:00')$$, 'GW048', NULL, 'and do not end as they begin');
SELECT throws_ok($$SELECT ghostwatch.add_channel('admins', -1001, quiet_time_zone => 'Mars')$$, 'GW048', NULL, 'and a time zone that exists');
SELECT throws_ok($$SELECT ghostwatch.remove_channel('admins')$$, 'GW049', NULL, 'only a channel that exists can be removed');
SELECT throws_ok($$SELECT ghostwatch.enable_channel('admins')$$, 'GW049', NULL, 'or enabled');
SELECT throws_ok($$SELECT ghostwatch.disable_channel(NULL)$$, 'GW049', NULL, 'or disabled');
-- A plan that is made for any name, and reads a table without rows from end to end, never looks at the name.
SET LOCAL plan_cache_mode = force_generic_plan;
SET LOCAL enable_indexscan = off;
SET LOCAL enable_bitmapscan = off;
SELECT throws_ok($$SELECT ghostwatch.remove_channel('admins')$$, 'GW049', NULL, 'however that is planned');
SET LOCAL plan_cache_mode = auto;
SET LOCAL enable_indexscan = on;
SET LOCAL enable_bitmapscan = on;

-- Added, changed
SELECT ghostwatch.add_channel('admins', -1001, 1);
SELECT results_eq(
    'SELECT chat_id, thread_id, min_severity, events, contracts, quiet_from FROM ghostwatch.channel',
    $$VALUES (-1001::bigint, NULL::integer, 'warn', true, NULL::text[], NULL::time)$$,
    'the topic General is no topic'
);
SELECT ghostwatch.add_channel('admins', -1001, events => NULL, quiet_errors => NULL, button_user_ids => NULL);
SELECT results_eq(
    'SELECT events, quiet_errors, button_user_ids FROM ghostwatch.channel',
    $$VALUES (true, false, '{}'::bigint[])$$,
    'where NULL is given, what was declared is kept'
);
UPDATE ghostwatch.channel SET disabled_at = now(), disabled_reason = 'kicked', topic_lost_at = now();
SELECT ghostwatch.add_channel('admins', -1001, 7, 'error', false, '{shop}', '22:00', '08:00', 'Europe/Berlin', true, '{42}');
SELECT results_eq(
    'SELECT thread_id, min_severity, events, contracts, quiet_from, quiet_until, quiet_time_zone, quiet_errors, button_user_ids FROM ghostwatch.channel',
    $$VALUES (7, 'error', false, '{shop}'::text[], '22:00'::time, '08:00'::time, 'Europe/Berlin', true, '{42}'::bigint[])$$,
    'adding a channel again changes it'
);
SELECT results_eq(
    'SELECT disabled_reason, topic_lost_at FROM ghostwatch.channel',
    $$VALUES ('kicked', NULL::timestamptz)$$,
    'another topic is not lost; the chat stays disabled'
);
SELECT ghostwatch.add_channel('admins', -1002, 7);
SELECT is((SELECT c.disabled_reason FROM ghostwatch.channel AS c), NULL, 'another chat is not disabled');

-- Disabled: what is meant for it waits.
SELECT ghostwatch.disable_channel('admins', '');
SELECT is((SELECT c.disabled_reason FROM ghostwatch.channel AS c), 'disabled by hand', 'there always is a reason');
SELECT ghostwatch.disable_channel('admins', 'moving house');
SELECT is((SELECT c.disabled_reason FROM ghostwatch.channel AS c), 'moving house', 'a channel can be disabled by hand');
SELECT pg_temp.ghost('1', 'error', 'none', '11:50');
SELECT pg_temp.run('12:00');
SELECT is(pg_temp.messages('{pending}'), '{opened}', 'what is meant for it waits');
SELECT ghostwatch.enable_channel('admins');
SELECT results_eq(
    'SELECT disabled_at, disabled_reason FROM ghostwatch.channel',
    'VALUES (NULL::timestamptz, NULL::text)',
    'until it is enabled'
);

-- a new channel gets what is firing.
SELECT pg_temp.deliver('12:00');
SELECT ghostwatch.add_channel('late', -1003);
SELECT is(pg_temp.messages(channel => 'late'), '{opened}', 'a new channel is told what is firing');
SELECT ghostwatch.add_channel('late', -1003, events => false);
SELECT is(pg_temp.messages(channel => 'late'), '{opened}', 'but only once');
SELECT is(pg_temp.messages(), '{opened}', 'and no other channel again');

-- Another chat has none of the messages.
SELECT pg_temp.deliver('12:00');
SELECT ghostwatch.add_channel('late', -1005);
SELECT is(pg_temp.messages('{pending}', 'late'), '{opened}', 'a channel that moves to another chat tells there what is firing');
SELECT is_empty(
    $$SELECT FROM ghostwatch.notification AS n JOIN ghostwatch.channel AS c USING (channel_id) WHERE c.name = 'late' AND n.message_id IS NOT NULL$$,
    'and edits no message of the old chat'
);
SELECT is(
    ghostwatch._incident_message((pg_temp.alert()).alert_id, (SELECT c.channel_id FROM ghostwatch.channel AS c WHERE c.name = 'admins')),
    (SELECT n.message_id FROM ghostwatch.notification AS n JOIN ghostwatch.channel AS c USING (channel_id) WHERE c.name = 'admins' AND n.reason = 'opened'),
    'other channels keep theirs'
);
SELECT pg_temp.heal('12:01');
SELECT pg_temp.run('12:01');
SELECT pg_temp.run('12:06');
SELECT ghostwatch.add_channel('later', -1004);
SELECT is(pg_temp.messages(channel => 'later'), '{}', 'what is over is not told');

SELECT ghostwatch.remove_channel('late');
SELECT is_empty($$SELECT FROM ghostwatch.channel WHERE name = 'late'$$, 'a channel can be removed, with all that waits for it');

SELECT * FROM finish();
ROLLBACK;
