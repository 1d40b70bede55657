BEGIN;
\ir ../alert/fixture.psql
SELECT plan(26);

SELECT ghostwatch.add_channel('admins', -1001, quiet_from => '22:00', quiet_until => '08:00', quiet_time_zone => 'Europe/Berlin');
CREATE FUNCTION pg_temp.quiet_until(at timestamptz) RETURNS timestamptz
LANGUAGE sql AS $$ SELECT ghostwatch._quiet_until(c, at) FROM ghostwatch.channel AS c WHERE c.name = 'admins' $$;

SELECT is(pg_temp.quiet_until('2026-01-01 20:59:59+00'), NULL, 'before quiet hours');
SELECT is(pg_temp.quiet_until('2026-01-01 21:00+00'), '2026-01-02 07:00+00', 'from their first moment, in the channel''s time zone, until tomorrow');
SELECT is(pg_temp.quiet_until('2026-01-02 06:59:59+00'), '2026-01-02 07:00+00', 'until their last, today');
SELECT is(pg_temp.quiet_until('2026-01-02 07:00+00'), NULL, 'at their end they are over');
SELECT is(pg_temp.quiet_until('2026-03-28 23:00+00'), '2026-03-29 06:00+00', 'a night in which the clocks change is shorter');
SELECT ghostwatch.add_channel('lunch', -1002, quiet_from => '12:00', quiet_until => '13:00');
SELECT is(
    (SELECT array_agg(ghostwatch._quiet_until(c, t)) FROM ghostwatch.channel AS c, unnest('{2026-01-01 11:59:59+00,2026-01-01 12:00+00,2026-01-01 13:00+00}'::timestamptz[]) AS t WHERE c.name = 'lunch'),
    '{NULL,2026-01-01 13:00+00,NULL}'::timestamptz[],
    'quiet hours need not go over midnight'
);
SELECT ghostwatch.remove_channel('lunch');

-- An outage of the checks that ends at night
UPDATE ghostwatch.channel SET quiet_errors = true;
UPDATE ghostwatch.check_progress SET last_success_at = '2026-01-01 20:40+00', catching_up_since = '2026-01-01 20:40+00';
SELECT ghostwatch._decide_checks_stopped('2026-01-01 20:50+00');
SELECT pg_temp.deliver('20:50');
SELECT pg_temp.ghost('0', 'error', 'none', '20:30');
SELECT pg_temp.run('20:58');
SELECT is(pg_temp.messages('{pending}'), '{opened}', 'what the checks find as they come back is kept for the outage summary');
UPDATE ghostwatch.check_progress SET last_success_at = '2026-01-01 21:01+00', catching_up_since = NULL;
SELECT ghostwatch._decide_checks_stopped('2026-01-01 21:01+00');
SELECT is(pg_temp.messages('{pending}'), '{digest}', 'which waits for the digest if it comes at night');
SELECT is(
    (SELECT jsonb_path_query_array(ghostwatch._covered_alerts(n.notification_id), '$[*].kind') FROM ghostwatch.notification AS n WHERE n.reason = 'digest'),
    '["violations", "checks_stopped"]',
    'and so does all that it would have told'
);
DELETE FROM ghostwatch.alert;
DELETE FROM ghostwatch.violation;
DELETE FROM ghostwatch.notification;
UPDATE ghostwatch.channel SET quiet_errors = false;
SELECT ghostwatch.add_channel('awake', -1003);

-- A warning at night
SELECT pg_temp.ghost('1', 'warn', 'none', '21:58');
SELECT pg_temp.run('22:00');
SELECT is(pg_temp.messages(channel => 'awake'), '{opened}', 'a channel without quiet hours gets a warning at night');
SELECT is(pg_temp.messages('{suppressed}'), '{opened}', 'in one with quiet hours it is kept');
SELECT results_eq(
    $$SELECT n.state_reason, d.reason, d.state, d.next_attempt_at
      FROM ghostwatch.notification AS n
      JOIN ghostwatch.notification AS d ON d.notification_id = n.covered_by$$,
    $$VALUES ('quiet hours until 2026-01-02 07:00:00+00', 'digest', 'pending', timestamptz '2026-01-02 07:00+00')$$,
    'for the digest of the morning'
);
-- Events do not wait, but make no sound; errors do.
SELECT ghostwatch.post_event('user_started', '1', '{"new": true}');
SELECT set_config('ghostwatch.clock', '2026-01-01 22:00:10+00', true);
SELECT results_eq(
    $$SELECT c.channel, c.reason, c.silent FROM ghostwatch.claim_notifications('w') AS c ORDER BY c.channel$$,
    $$VALUES ('admins', 'events', true), ('awake', 'opened', true)$$,
    'events come at night without a sound, and warnings at any time'
);
SELECT ghostwatch.notification_sent(n.notification_id, 'w', 1) FROM ghostwatch.notification AS n WHERE n.state = 'claimed';
SELECT ghostwatch.set_setting('chat_interval', '0');
SELECT pg_temp.heal('22:01');
SELECT pg_temp.run('22:01');
SELECT pg_temp.run('22:06');
SELECT pg_temp.ghost('2', 'warn', 'none', '22:50');
SELECT pg_temp.run('22:52');
SELECT is(pg_temp.messages('{suppressed}'), '{opened,resolved,opened}', 'a night of warnings');
SELECT is(pg_temp.messages('{pending}'), '{digest}', 'is one digest');
SELECT is(
    (SELECT jsonb_path_query_array(ghostwatch._covered_alerts(n.notification_id), '$[*].state') FROM ghostwatch.notification AS n WHERE n.reason = 'digest'),
    '["firing", "resolved"]',
    'which tells each of them once, as it stands in the morning'
);
SELECT is(
    (SELECT ghostwatch._digest_due(n.channel_id, '2026-01-03 07:00+00', '2026-01-02 23:00+00') FROM ghostwatch.notification AS n WHERE n.reason = 'digest'),
    (SELECT n.notification_id FROM ghostwatch.notification AS n WHERE n.reason = 'digest'),
    'one that could not be sent takes in the next night'
);
SELECT is(
    (SELECT n.next_attempt_at FROM ghostwatch.notification AS n WHERE n.reason = 'digest'),
    '2026-01-03 07:00+00',
    'and waits for its end'
);
UPDATE ghostwatch.notification SET next_attempt_at = '2026-01-02 07:00+00' WHERE reason = 'digest';
SELECT set_config('ghostwatch.clock', '2026-01-02 07:00+00', true);
SELECT is(
    (SELECT jsonb_array_length(c.payload -> 'alerts') FROM ghostwatch.claim_notifications('w', 10) AS c WHERE c.channel = 'admins'),
    2,
    'and the sidecar gets them with it'
);
UPDATE ghostwatch.notification SET state = 'sent', sent_at = ghostwatch._clock(), message_id = 1 WHERE reason = 'digest';

-- An error at night
SELECT pg_temp.ghost('2', 'error', 'none', '22:50');
SELECT pg_temp.run('23:00');
SELECT is(pg_temp.messages('{pending}'), '{escalated}', 'an error comes through');
SELECT pg_temp.deliver('23:00');
SELECT pg_temp.ghost('3', 'error', 'none', '22:50');
SELECT is(pg_temp.run('23:02'), true, 'so do edits, which make no sound');
UPDATE ghostwatch.channel SET quiet_errors = true WHERE name = 'admins';
SELECT pg_temp.deliver('23:03');
SELECT pg_temp.heal('23:05');
SELECT pg_temp.run('23:05');
SELECT pg_temp.run('23:10');
SELECT is(pg_temp.messages('{pending}'), '{digest}', 'told otherwise, an error waits as well');
SELECT is(
    (SELECT array_agg(a ->> 'severity') FROM ghostwatch.notification AS n, jsonb_array_elements(ghostwatch._covered_alerts(n.notification_id)) AS a
     WHERE n.reason = 'digest' AND n.state = 'pending'),
    '{error}',
    'for a digest of its own night'
);

-- Silence comes first.
SELECT ghostwatch.silence('shop', by => 'anna', comment => 'x');
SELECT pg_temp.ghost('4', 'warn', 'none', '23:50');
SELECT pg_temp.run('23:55');
SELECT ok(
    (SELECT n.covered_by IS NULL AND n.state_reason LIKE 'silence%'
     FROM ghostwatch.notification AS n JOIN ghostwatch.channel AS c USING (channel_id)
     WHERE c.name = 'admins' ORDER BY n.notification_id DESC LIMIT 1),
    'what is silenced is not told in the morning either'
);

SELECT is(
    (SELECT count(*) FROM ghostwatch.notification AS n WHERE n.reason = 'digest'),
    2::bigint,
    'nothing but those digests was made'
);
SELECT is(pg_temp.messages('{suppressed}', 'awake'), '{opened}', 'another channel has no part in it but the silence');

SELECT * FROM finish();
ROLLBACK;
