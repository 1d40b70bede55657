BEGIN;
\ir ../alert/fixture.psql
SELECT plan(17);

SELECT ghostwatch.declare_contract('elsewhere', 'subject');
SELECT ghostwatch.add_channel('admins', -1001);
SELECT ghostwatch.add_channel('on_call', -1002, min_severity => 'error');
SELECT ghostwatch.add_channel('shopkeepers', -1003, contracts => '{shop}');
SELECT ghostwatch.add_channel('others', -1004, contracts => '{elsewhere}');

-- By severity and contract
SELECT pg_temp.ghost('1', 'warn', 'none', '11:58');
SELECT pg_temp.run('12:00');
SELECT is(pg_temp.messages(), '{opened}', 'a channel gets the alerts of every contract');
SELECT is(pg_temp.messages(channel => 'shopkeepers'), '{opened}', 'or of its own');
SELECT is(pg_temp.messages(channel => 'others'), '{}', 'and of no other');
SELECT is(pg_temp.messages(channel => 'on_call'), '{}', 'one for errors gets no warning');
SELECT pg_temp.deliver('12:00');
SELECT pg_temp.ghost('1', 'error', 'none', '11:58');
SELECT pg_temp.run('12:04');
SELECT is(pg_temp.messages(channel => 'on_call'), '{escalated}', 'but of the error that it becomes');
SELECT pg_temp.deliver('12:04');
SELECT pg_temp.heal('12:05');
SELECT pg_temp.run('12:05');
SELECT pg_temp.run('12:10');
SELECT is(pg_temp.messages(channel => 'on_call'), '{escalated,resolved}', 'and of its end');
SELECT pg_temp.deliver('12:11');

-- An alert of no contract concerns everybody.
SELECT ghostwatch._open_alert('checks_stopped', NULL, ROW(true, 'error', 0, 0, '{}', '[]', '{}', '0', NULL)::ghostwatch._rule_result, '2026-01-01 12:12+00');
SELECT is(pg_temp.messages('{pending}', 'others'), '{opened}', 'that the checks stopped concerns the channels of every contract');
UPDATE ghostwatch.alert SET state = 'resolved', resolved_at = '2026-01-01 12:12+00' WHERE kind = 'checks_stopped';
SELECT pg_temp.deliver('12:12');

-- While Telegram is unreachable
SELECT pg_temp.ghost('2', 'warn', 'none', '13:58');
SELECT is(pg_temp.run('14:00'), true, 'an incident begins while Telegram is unreachable');
SELECT pg_temp.ghost('2', 'error', 'none', '13:58');
SELECT pg_temp.run('14:05');
SELECT is(pg_temp.messages('{pending}'), '{escalated}', 'the escalation takes the place of the message that still waits');
SELECT pg_temp.heal('14:06');
SELECT pg_temp.run('14:06');
SELECT pg_temp.run('14:11');
SELECT is(pg_temp.messages('{pending}'), '{resolved}', 'what has healed meanwhile is told as one message');
SELECT is(
    (SELECT n.payload FROM ghostwatch.notification AS n JOIN ghostwatch.channel AS c USING (channel_id) WHERE c.name = 'admins' AND n.state = 'pending'),
    '{"superseded": ["escalated"]}',
    'which knows what it stands for'
);
SELECT results_eq(
    $$SELECT s.reason, s.state_reason, t.reason
      FROM ghostwatch.notification AS s
      JOIN ghostwatch.notification AS t ON t.notification_id = s.covered_by
      JOIN ghostwatch.channel AS c ON c.channel_id = s.channel_id
      WHERE c.name = 'admins'
      ORDER BY s.notification_id$$,
    $$VALUES ('opened', 'still waiting when escalated was due', 'escalated'), ('escalated', 'still waiting when resolved was due', 'resolved')$$,
    'and every message that was not sent knows by which it was told'
);
SELECT is_empty(
    $$SELECT FROM ghostwatch.notification AS n WHERE n.reason = 'updated' AND n.alert_id = (pg_temp.alert()).alert_id$$,
    'no edit waits where there is no message yet'
);

-- A message in the hands of a sidecar is past taking back.
SELECT pg_temp.deliver('14:12');
SELECT pg_temp.ghost('3', 'warn', 'none', '15:58');
SELECT pg_temp.run('16:00');
UPDATE ghostwatch.notification SET state = 'claimed' WHERE state = 'pending' AND reason = 'opened';
SELECT pg_temp.ghost('4', 'warn', 'none', '15:58');
SELECT pg_temp.run('16:04:30');
SELECT pg_temp.ghost('3', 'error', 'none', '15:58');
SELECT pg_temp.run('16:05');
SELECT is(pg_temp.messages('{claimed}'), '{opened}', 'a message in the hands of a sidecar is not taken back');
SELECT is(pg_temp.messages('{pending}'), '{escalated}', 'the next one waits behind it');

-- A sidecar gets what it needs
UPDATE ghostwatch.notification SET state = 'sent', message_id = 77, sent_at = '2026-01-01 16:05+00'
WHERE state = 'claimed';
SELECT set_config('ghostwatch.clock', '2026-01-01 16:05+00', true);
SELECT results_eq(
    $$SELECT c.reason, c.reply_to_message_id FROM ghostwatch.claim_notifications('w', 10) AS c WHERE c.channel = 'admins'$$,
    $$VALUES ('escalated', 77::bigint)$$,
    'an escalation replies to the first message at once, even though an edit of that waits for its time'
);
SELECT results_eq(
    $$SELECT n.state, n.next_attempt_at FROM ghostwatch.notification AS n JOIN ghostwatch.channel AS c USING (channel_id)
      WHERE c.name = 'admins' AND n.reason = 'updated' AND n.alert_id = (pg_temp.alert()).alert_id$$,
    $$VALUES ('pending', timestamptz '2026-01-01 16:05:30+00')$$,
    'the first message will show the escalation too'
);

SELECT * FROM finish();
ROLLBACK;
