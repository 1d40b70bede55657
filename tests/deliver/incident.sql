BEGIN;
SELECT plan(11);
\ir outbox.psql

SELECT ghostwatch.add_channel('admins', 5);
CREATE FUNCTION pg_temp.queue(reason text) RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO ghostwatch.notification (channel_id, alert_id, reason, created_at, next_attempt_at)
    SELECT c.channel_id, a.alert_id, reason, ghostwatch._clock(), ghostwatch._clock()
    FROM ghostwatch.channel AS c, ghostwatch.alert AS a
    RETURNING notification_id
$$;
CREATE FUNCTION pg_temp.next_one() RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.advance('1 hour');
    SELECT concat_ws(' ', c.reason, 'edit', c.edit_message_id, 'reply', c.reply_to_message_id)
    FROM ghostwatch.claim_notifications('w') AS c
$$;

SELECT pg_temp.open_alert(1);
SELECT is(pg_temp.next_one(), 'opened edit reply', 'the first message of an incident is new');
SELECT pg_temp.queue('updated');
SELECT pg_temp.queue('escalated');
SELECT pg_temp.sent();
SELECT is(pg_temp.next_one(), 'escalated edit reply 1001', 'a step is told before an edit, and replies to the first message');
SELECT pg_temp.sent();
SELECT is(pg_temp.next_one(), 'updated edit 1001 reply', 'an edit changes the first message');

-- The first message is gone: the edit became message 77, which stands for the incident from now on.
SELECT ghostwatch.notification_sent(n.notification_id, 'w', 77)
FROM ghostwatch.notification AS n WHERE n.state = 'claimed';
SELECT pg_temp.queue('repeated');
SELECT is(pg_temp.next_one(), 'repeated edit reply 77', 'later steps reply to what an edit has become');

-- It comes back, and a later step waits already: one message tells both.
SELECT pg_temp.queue('resolved');
SELECT ok(
    (SELECT ghostwatch.notification_retry(n.notification_id, 'w', 'no answer')
     FROM ghostwatch.notification AS n WHERE n.state = 'claimed'),
    'what failed is given back'
);
SELECT is(
    (SELECT n.state FROM ghostwatch.notification AS n WHERE n.reason = 'repeated'), 'superseded', 'and not sent any more'
);
SELECT is(
    (SELECT n.covered_by FROM ghostwatch.notification AS n WHERE n.reason = 'repeated'),
    (SELECT n.notification_id FROM ghostwatch.notification AS n WHERE n.reason = 'resolved'),
    'since a later one tells it too'
);
SELECT is(pg_temp.next_one(), 'resolved edit reply 77', 'which is sent instead');
SELECT pg_temp.sent();

-- A digest that failed all night is told with the next one.
SELECT ghostwatch._digest_due((SELECT c.channel_id FROM ghostwatch.channel AS c), ghostwatch._clock(), ghostwatch._clock());
SELECT is(pg_temp.next_one(), 'digest edit reply', 'a digest is due');
SELECT ghostwatch._digest_due((SELECT c.channel_id FROM ghostwatch.channel AS c), ghostwatch._clock(), ghostwatch._clock());
UPDATE ghostwatch.notification SET covered_by = (SELECT n.notification_id FROM ghostwatch.notification AS n WHERE n.state = 'claimed')
WHERE reason = 'opened';
SELECT lives_ok(
    $$ SELECT ghostwatch.notification_retry(n.notification_id, 'w', 'no answer')
       FROM ghostwatch.notification AS n WHERE n.state = 'claimed' $$,
    'it can be given back while the next one waits'
);
SELECT is(
    (SELECT d.state FROM ghostwatch.notification AS n, ghostwatch.notification AS d
     WHERE n.reason = 'opened' AND d.notification_id = n.covered_by),
    'pending',
    'and hands on what was kept for it'
);

SELECT * FROM finish();
ROLLBACK;
