BEGIN;
SELECT plan(23);
\ir outbox.psql

SELECT is(pg_temp.claim(), '', 'an empty outbox gives nothing');
SELECT is(ghostwatch.next_due_in(), NULL, 'and there is nothing to wait for');

SELECT ghostwatch.add_channel('group', -100);
SELECT ghostwatch.add_channel('topic', -100, 7);
SELECT ghostwatch.add_channel('private', 5);

SELECT ghostwatch.post_event('user_started', '1', '{"name": "Anna", "new": true}');
SELECT pg_temp.open_alert(1);
SELECT is(pg_temp.claim(), 'group:opened:1 private:opened:1', 'one message per chat at a time, alerts before events');
SELECT is(pg_temp.claim('other'), '', 'what one sidecar holds no other gets');
SELECT is(pg_temp.sent(), 2::bigint, 'both are reported as sent');
SELECT is(pg_temp.claim(), '', 'the next message to a chat waits for its pace');
SELECT is(ghostwatch.next_due_in(), '1 second', 'which is how long a sidecar may rest');
SELECT pg_temp.advance('1 second');
SELECT is(pg_temp.claim(), 'topic:opened:1 private:events', 'the oldest comes next; topics share the pace of their group');
SELECT pg_temp.sent();

SELECT pg_temp.advance('1 hour');
SELECT pg_temp.open_alert(2);
SELECT pg_temp.claim();
SELECT pg_temp.advance('29 seconds');
SELECT is(pg_temp.claim('other'), '', 'a lease holds until its end');
SELECT pg_temp.advance('1 second');
SELECT is(pg_temp.claim('other'), 'group:opened:2 private:opened:2', 'what was not reported by then another sidecar gets');
SELECT is(
    (SELECT ghostwatch.notification_retry(n.notification_id, 'w', 'late')
     FROM ghostwatch.notification AS n WHERE n.state = 'claimed' LIMIT 1),
    false,
    'the one that lost it cannot give it back any more'
);
SELECT is(pg_temp.sent('w'), 2::bigint, 'but a message that went out counts, whoever holds the claim');
SELECT is(pg_temp.sent('other'), 0::bigint, 'once');

-- Twenty a minute to a group, and as many as it likes in a private chat.
SELECT pg_temp.advance('1 hour');
SELECT pg_temp.open_alert(n) FROM generate_series(3, 17) AS n;
CREATE TEMPORARY TABLE pace AS SELECT NULL::text AS claimed WHERE false;
DO $$
BEGIN
    FOR i IN 1..25 LOOP
        INSERT INTO pace SELECT pg_temp.claim();
        PERFORM pg_temp.sent();
        PERFORM pg_temp.advance('1 second');
    END LOOP;
END
$$;
SELECT is(
    (SELECT count(*) FROM pace WHERE claimed LIKE '%group%' OR claimed LIKE '%topic%'),
    20::bigint,
    'a group gets twenty messages in a minute'
);
SELECT is((SELECT count(*) FROM pace WHERE claimed LIKE '%private%'), 15::bigint, 'a private chat all of its fifteen');
SELECT is(ghostwatch.next_due_in(), '35 seconds', 'the group waits for the end of the minute');
SELECT pg_temp.advance('35 seconds');
SELECT matches(pg_temp.claim(), '^(group|topic):opened', 'and then goes on');
SELECT pg_temp.sent();

SELECT throws_ok(
    $$ SELECT * FROM ghostwatch.claim_notifications('') $$, 'GW040', NULL, 'a sidecar needs a name'
);
SELECT throws_ok(
    $$ SELECT * FROM ghostwatch.claim_notifications('w', 0) $$, 'GW040', NULL, 'and asks for at least one'
);
SELECT throws_ok(
    $$ SELECT * FROM ghostwatch.claim_notifications('w', 1, '2 seconds') $$, 'GW040', NULL, 'for some time'
);
SELECT throws_ok(
    $$ SELECT * FROM ghostwatch.claim_notifications('w', 1, '1 day') $$, 'GW040', NULL, 'and not for days'
);

SELECT ghostwatch.set_setting('messages_per_second', '1');
SELECT pg_temp.advance('1 hour');
SELECT pg_temp.open_alert(20);
SELECT is(
    (SELECT count(*) FROM ghostwatch.claim_notifications('w')), 1::bigint, 'all chats together keep the pace of the bot'
);

SELECT ghostwatch.set_setting('chat_interval', '250 milliseconds');
SELECT results_eq(
    'SELECT messages_per_second, chat_interval, group_messages_per_minute FROM ghostwatch.message_pace()',
    $$VALUES (
        ghostwatch._setting('messages_per_second')::double precision,
        0.25::double precision,
        ghostwatch._setting('group_messages_per_minute')::integer
    )$$,
    'a sidecar of several databases learns the pace that each allows'
);

SELECT * FROM finish();
ROLLBACK;
