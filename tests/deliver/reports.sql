BEGIN;
SELECT plan(29);
\ir outbox.psql

SELECT ghostwatch.add_channel('admins', -100, 7);
CREATE FUNCTION pg_temp.first() RETURNS ghostwatch.notification LANGUAGE sql AS $$
    SELECT n FROM ghostwatch.notification AS n ORDER BY n.notification_id LIMIT 1
$$;
SELECT pg_temp.open_alert(1);

-- Told to wait.
SELECT pg_temp.claim();
SELECT ok(ghostwatch.notification_retry((pg_temp.first()).notification_id, 'w', 'too fast', '7 seconds'), 'told to wait');
SELECT is((pg_temp.first()).attempts, 0, 'which is no failed attempt');
SELECT pg_temp.advance('6 seconds');
SELECT is(pg_temp.claim(), '', 'it waits as long as asked');
SELECT pg_temp.advance('1 second');
SELECT is(pg_temp.claim(), 'admins:opened:1', 'and no longer');

-- Backing off.
SELECT ok(ghostwatch.notification_retry((pg_temp.first()).notification_id, 'w', 'no answer'), 'no answer: to be tried again');
SELECT is((pg_temp.first()).attempts, 1, 'which counts');
SELECT is((pg_temp.first()).state_reason, 'no answer', 'with what went wrong on record');
SELECT ok(
    (pg_temp.first()).next_attempt_at - ghostwatch._clock() BETWEEN '0.75 seconds' AND '1.25 seconds',
    'after about a second'
);
UPDATE ghostwatch.notification SET attempts = 30;
SELECT pg_temp.open_alert(2);
SELECT pg_temp.advance('1 minute');
SELECT pg_temp.claim();
SELECT ghostwatch.notification_retry((pg_temp.first()).notification_id, 'w', 'no answer');
SELECT ok(
    (pg_temp.first()).next_attempt_at - ghostwatch._clock() BETWEEN '22 seconds' AND '38 seconds',
    'later after half a minute, not days'
);
SELECT pg_temp.advance('1 second');
SELECT is(pg_temp.claim(), 'admins:opened:2', 'and what waits behind it need not wait so long');

-- Given up, or the channel's fault.
SELECT ok(
    ghostwatch.notification_failed((SELECT max(n.notification_id) FROM ghostwatch.notification AS n), 'w', 'too odd'),
    'a message can be given up'
);
SELECT is(
    (SELECT n.state FROM ghostwatch.notification AS n ORDER BY n.notification_id DESC LIMIT 1), 'failed', 'and is kept as failed'
);
SELECT pg_temp.advance('1 hour');
SELECT is(pg_temp.claim(), 'admins:opened:1', 'the first one is still there');
SELECT ok(
    ghostwatch.notification_failed((pg_temp.first()).notification_id, 'w', 'bot was kicked', disable_channel => true),
    'a chat may be gone'
);
SELECT is((SELECT c.disabled_reason FROM ghostwatch.channel AS c), 'bot was kicked', 'its channel is disabled with the reason');
SELECT is((pg_temp.first()).state, 'pending', 'nothing is lost');
SELECT pg_temp.advance('1 hour');
SELECT is(pg_temp.claim(), '', 'but nothing is tried');
SELECT is(ghostwatch.next_due_in(), NULL, 'nor waited for');
SELECT ghostwatch.enable_channel('admins');
SELECT is(pg_temp.claim(), 'admins:opened:1', 'until the channel is enabled again');
SELECT pg_temp.sent();

-- Nobody but the holder may report a failure.
SELECT is(
    ghostwatch.notification_failed((pg_temp.first()).notification_id, 'w', 'x'), false, 'what was sent cannot fail any more'
);

-- What Telegram said about the chat.
SELECT ghostwatch.channel_topic_lost('admins', 8);
SELECT is((SELECT c.topic_lost_at FROM ghostwatch.channel AS c), NULL, 'another topic is not this channel''s');
SELECT ghostwatch.channel_topic_lost('admins', 7);
SELECT matches(
    (SELECT d.finding FROM ghostwatch.doctor() AS d WHERE d.finding LIKE '%channel admins%'),
    '^The topic of channel admins is gone since',
    'the doctor says so'
);
SELECT ghostwatch.channel_migrated(-100, -1005);
SELECT is((SELECT c.chat_id FROM ghostwatch.channel AS c), -100::bigint, 'a chat that nothing is sent to has not moved');
SELECT pg_temp.advance('1 hour');
SELECT pg_temp.open_alert(3);
SELECT pg_temp.claim();
SELECT ghostwatch.channel_migrated(-100, 1005);
SELECT is((SELECT c.chat_id FROM ghostwatch.channel AS c), -100::bigint, 'nor does a group become a person');
SELECT ghostwatch.channel_migrated(-100, -1005);
SELECT is((SELECT c.migrated_from FROM ghostwatch.channel AS c), -100::bigint, 'where it came from is recorded');
SELECT ghostwatch.notification_retry(n.notification_id, 'w', 'x') FROM ghostwatch.notification AS n WHERE n.state = 'claimed';
SELECT is_empty($$ SELECT FROM ghostwatch.notification WHERE message_id IS NOT NULL $$, 'a supergroup has none of the messages of the group that it was');
SELECT pg_temp.advance('1 hour');
SELECT results_eq(
    $$ SELECT c.chat_id, c.thread_id FROM ghostwatch.claim_notifications('w') AS c $$,
    $$ VALUES (-1005::bigint, NULL::integer) $$,
    'a lost topic is left out, a migrated group is followed'
);
SELECT results_eq(
    $$ SELECT * FROM ghostwatch.channel_address('admins') $$, $$ VALUES (-1005::bigint, 7) $$, 'where a channel leads can be asked'
);
SELECT throws_ok(
    $$ SELECT * FROM ghostwatch.channel_address('nobody') $$, 'GW049', NULL, 'if there is such a channel'
);

SELECT * FROM finish();
ROLLBACK;
