BEGIN;
SELECT plan(9);
\ir outbox.psql
SELECT ghostwatch.set_setting('chat_interval', '0');

CREATE FUNCTION pg_temp.sounds() RETURNS text LANGUAGE sql AS $$
    -- What is claimed, and whether it makes a sound.
    SELECT coalesce(string_agg(format('%s:%s:%s', c.channel, c.reason, CASE WHEN c.silent THEN 'silent' ELSE 'sound' END), ' ' ORDER BY c.channel), '')
    FROM ghostwatch.claim_notifications('w', 100) AS c
$$;

CREATE FUNCTION pg_temp.heard_of(reason text, severity text DEFAULT 'error', state text DEFAULT 'firing') RETURNS text LANGUAGE plpgsql AS $$
-- Likewise for one new message to every channel about the alert of clause_1.
DECLARE
    sounds text;
BEGIN
    UPDATE ghostwatch.alert AS a
    SET severity = heard_of.severity, state = heard_of.state, resolved_at = CASE heard_of.state WHEN 'resolved' THEN ghostwatch._clock() END;
    INSERT INTO ghostwatch.notification (channel_id, alert_id, reason, created_at, next_attempt_at)
    SELECT c.channel_id, a.alert_id, heard_of.reason, ghostwatch._clock(), ghostwatch._clock()
    FROM ghostwatch.channel AS c
    CROSS JOIN ghostwatch.alert AS a;
    sounds := pg_temp.sounds();
    PERFORM pg_temp.sent();
    PERFORM pg_temp.advance('1 hour');
    RETURN sounds;
END
$$;

SELECT throws_ok($$ SELECT ghostwatch.add_channel('loud', 1, sound => 'loud') $$, 'GW046', 'channel ''loud'' cannot have sound ''loud''', 'there are three ways of making sounds');
SELECT ghostwatch.add_channel('a', 1);
SELECT ghostwatch.add_channel('b', 2, sound => 'all');
SELECT ghostwatch.add_channel('c', 3, sound => 'none');
SELECT ghostwatch.add_channel('c', min_severity => 'warn');
SELECT pg_temp.open_alert(1);
SELECT is(pg_temp.sounds(), 'a:opened:sound b:opened:sound c:opened:silent', 'an error makes a sound, except where nothing does');
SELECT pg_temp.sent();
SELECT is(pg_temp.heard_of('repeated', 'warn'), 'a:repeated:silent b:repeated:sound c:repeated:silent', 'a warning only where everything does');
SELECT is(pg_temp.heard_of('resolved', 'error', 'resolved'), 'a:resolved:silent b:resolved:sound c:resolved:silent', 'and so a resolution');
SELECT ghostwatch.post_event('user_started', '1', '{"new": true}');
SELECT is(pg_temp.sounds(), 'a:events:silent b:events:sound c:events:silent', 'and events');
SELECT pg_temp.sent();
SELECT is(pg_temp.heard_of('updated'), 'a:updated:silent b:updated:silent c:updated:silent', 'an edit never does');

-- A digest is as urgent as the most urgent of what it covers.
SELECT pg_temp.advance('1 hour');
UPDATE ghostwatch.alert SET state = 'firing', severity = 'error', resolved_at = NULL;
INSERT INTO ghostwatch.notification (channel_id, reason, created_at, next_attempt_at)
SELECT c.channel_id, 'digest', ghostwatch._clock(), ghostwatch._clock() FROM ghostwatch.channel AS c;
INSERT INTO ghostwatch.notification (channel_id, alert_id, reason, state, covered_by, created_at, next_attempt_at)
SELECT n.channel_id, a.alert_id, 'opened', 'suppressed', n.notification_id, ghostwatch._clock(), ghostwatch._clock()
FROM ghostwatch.notification AS n
CROSS JOIN ghostwatch.alert AS a
WHERE n.reason = 'digest' AND n.channel_id = (SELECT c.channel_id FROM ghostwatch.channel AS c WHERE c.name = 'a');
SELECT is(pg_temp.sounds(), 'a:digest:sound b:digest:sound c:digest:silent', 'a digest with an error that fires makes a sound');
SELECT pg_temp.sent();

-- In quiet hours nothing but errors does, and those only where they do not wait.
SELECT pg_temp.advance('1 hour');
SELECT ghostwatch.add_channel(c.name, quiet_from => '00:00', quiet_until => '23:59') FROM ghostwatch.channel AS c;
SELECT is(pg_temp.heard_of('silence_ended', 'warn'), 'a:silence_ended:silent b:silence_ended:silent c:silence_ended:silent', 'in quiet hours no warning does');
SELECT is(pg_temp.heard_of('reopened'), 'a:reopened:sound b:reopened:sound c:reopened:silent', 'but errors do');

SELECT * FROM finish();
ROLLBACK;
