BEGIN;
\ir ../alert/fixture.psql
SELECT plan(31);

SELECT throws_ok('SELECT ghostwatch.why(-1)', 'GW030', NULL, 'only an alert that exists can be explained');
SELECT throws_ok($$SELECT ghostwatch.why('shop', 'no_such')$$, 'GW007', NULL, 'and only an invariant that exists');

CREATE FUNCTION pg_temp.cause(step text DEFAULT 'message', channel text DEFAULT 'admins') RETURNS text
LANGUAGE sql AS $$
    SELECT string_agg(w.cause, ',' ORDER BY w.finding)
    FROM ghostwatch.why((pg_temp.alert()).alert_id) AS w
    WHERE w.step = $1 AND w.channel IS NOT DISTINCT FROM $2
$$;
CREATE FUNCTION pg_temp.finding(step text DEFAULT 'message', channel text DEFAULT 'admins') RETURNS text
LANGUAGE sql AS $$
    SELECT string_agg(w.finding, '|' ORDER BY w.finding)
    FROM ghostwatch.why((pg_temp.alert()).alert_id) AS w
    WHERE w.step = $1 AND w.channel IS NOT DISTINCT FROM $2
$$;
CREATE FUNCTION pg_temp.of_invariant(step text) RETURNS text
LANGUAGE sql AS $$ SELECT w.cause FROM ghostwatch.why('shop', 'first_order') AS w WHERE w.step = $1 $$;

-- No alert
UPDATE ghostwatch.invariant SET rule = 'threshold', min_count = 2;
SELECT is(pg_temp.of_invariant('run'), 'no_run', 'an invariant that was never checked has no run');
UPDATE ghostwatch.check_progress SET last_success_at = ghostwatch._clock();
SELECT pg_temp.ghost('1', 'error');
SELECT is(pg_temp.of_invariant('run'), 'checked', 'a run succeeded');
SELECT is(pg_temp.of_invariant('rule'), 'rule', 'and the rule held back what it found');
SELECT is(
    (SELECT w.finding FROM ghostwatch.why('shop', 'first_order') AS w WHERE w.step = 'rule'),
    'No alert fires. Open: 1 violation, 1 of them older than 00:05:00. The rule threshold does not call that wrong (min_count 2, min_rate 0).',
    'with its numbers'
);
SELECT pg_temp.ghost('2', 'error');
SELECT is(pg_temp.of_invariant('rule'), 'next_run', 'an alert that the next run opens');

-- An alert and no channel
SELECT pg_temp.run('12:00');
SELECT is(pg_temp.cause(channel => NULL), 'no_channel', 'there is no channel');
DELETE FROM ghostwatch.alert;

-- The way to one channel
SELECT ghostwatch.add_channel('admins', -1001);
SELECT ghostwatch.declare_contract('elsewhere', 'subject');
SELECT ghostwatch.add_channel('shopkeepers', -1003, contracts => '{elsewhere}');
SELECT pg_temp.run('12:00');
SELECT is(pg_temp.cause('rule', NULL), 'firing', 'the alert fires');
SELECT is(pg_temp.of_invariant('message'), 'sidecar_down', 'an invariant whose alert fires is that alert');
SELECT is(pg_temp.cause(channel => 'shopkeepers'), 'filter', 'a channel of another contract');
SELECT matches(pg_temp.finding(channel => 'shopkeepers'), 'gets elsewhere only', 'whose filter is named');
SELECT matches(pg_temp.finding(), 'no sidecar is running', 'no sidecar');
SELECT ghostwatch.sidecar_heartbeat('s', '1', true, 'the bot token: Telegram refuses it (Unauthorized)', true);
SELECT is(pg_temp.cause(), 'token', 'a token that is refused');
SELECT ghostwatch.sidecar_heartbeat('s', '1', true, 'Telegram: it cannot be reached (ConnectError)', true);
SELECT is(pg_temp.cause(), 'telegram', 'Telegram is away');
SELECT ghostwatch.sidecar_heartbeat('s', '1', true);
SELECT is(pg_temp.cause(), 'due', 'nothing in the way');
INSERT INTO ghostwatch.chat (chat_id, next_send_at) VALUES (-1001, ghostwatch._clock() + '3 seconds'::interval);
SELECT is(pg_temp.cause(), 'pace', 'the pace of its chat');
UPDATE ghostwatch.chat SET held_until = ghostwatch._clock() + '1 minute'::interval;
SELECT is(pg_temp.cause(), 'told_to_wait', 'Telegram asked to wait');
DELETE FROM ghostwatch.chat;
SELECT ghostwatch.claim_notifications('s');
SELECT matches(pg_temp.finding(), 'Sidecar s is sending it', 'a sidecar has it');
SELECT ghostwatch.notification_failed(n.notification_id, 's', 'Bad Request: chat not found', true) FROM ghostwatch.notification AS n;
SELECT is(pg_temp.cause(), 'wrong_chat', 'a chat that there is not');
UPDATE ghostwatch.channel SET disabled_reason = 'Forbidden: bot was kicked' WHERE disabled_at IS NOT NULL;
SELECT is(pg_temp.cause(), 'channel_closed', 'a chat that is closed to the bot');
SELECT ghostwatch.enable_channel('admins');
UPDATE ghostwatch.notification SET state = 'failed', state_reason = 'Bad Request: text is empty' WHERE reason = 'opened';
SELECT is(pg_temp.cause(), 'refused', 'a text that is refused');
UPDATE ghostwatch.notification SET state = 'sent', message_id = 17, sent_at = '2026-01-01 12:00+00' WHERE reason = 'opened';
SELECT is(pg_temp.cause(), 'sent', 'sent');
SELECT is(pg_temp.finding(), 'opened: Sent as message 17 to chat -1001 at 2026-01-01 12:00:00+00.', 'as which message');

-- Kept back on purpose
DELETE FROM ghostwatch.alert;
SELECT ghostwatch.silence('shop', by => 'anna', comment => 'deploying');
SELECT pg_temp.run('12:01');
SELECT is(pg_temp.cause(), 'silence', 'a silence');
SELECT matches(pg_temp.finding(), 'by anna until .*: deploying', 'and whose it is');
DELETE FROM ghostwatch.alert;
SELECT ghostwatch.unsilence(s.silence_id) FROM ghostwatch.silence AS s;
SELECT ghostwatch.add_channel('admins', quiet_from => '12:00', quiet_until => '13:00', quiet_errors => true);
SELECT pg_temp.run('12:02');
SELECT is(pg_temp.cause(), 'quiet_hours', 'quiet hours');
SELECT pg_temp.deliver('13:00');
SELECT is(pg_temp.cause(), 'sent', 'until their digest is sent');
SELECT matches(pg_temp.finding(), '^opened: Sent as message', 'which says what was kept for it');

-- The run
UPDATE ghostwatch.check_progress SET failing_since = '2026-01-01 12:02+00', last_error = 'no such column';
SELECT matches(pg_temp.finding('run', NULL), 'fails since .*no such column', 'a check that fails');
SELECT ghostwatch.pause();
SELECT is(pg_temp.cause('run', NULL), 'paused', 'checks that are paused');

SELECT * FROM finish();
ROLLBACK;
