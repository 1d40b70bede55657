BEGIN;
SELECT plan(22);
\ir outbox.psql
SELECT ghostwatch.set_setting('chat_interval', '0');

CREATE FUNCTION pg_temp.mentioned(reason text, severity text DEFAULT 'error', state text DEFAULT 'firing') RETURNS text LANGUAGE plpgsql AS $$
-- Whom one message to every channel about the alert of clause_1 mentions, by channel.
DECLARE
    mentioned text;
BEGIN
    UPDATE ghostwatch.alert AS a
    SET severity = mentioned.severity, state = mentioned.state, resolved_at = CASE mentioned.state WHEN 'resolved' THEN ghostwatch._clock() END;
    INSERT INTO ghostwatch.notification (channel_id, alert_id, reason, created_at, next_attempt_at)
    SELECT c.channel_id, a.alert_id, mentioned.reason, ghostwatch._clock(), ghostwatch._clock()
    FROM ghostwatch.channel AS c
    CROSS JOIN ghostwatch.alert AS a;
    SELECT string_agg(format('%s:%s:%s', c.channel, c.reason, c.payload ->> 'mention'), ' ' ORDER BY c.channel) INTO mentioned
    FROM ghostwatch.claim_notifications('w', 100) AS c;
    PERFORM pg_temp.sent();
    PERFORM pg_temp.advance('1 hour');
    RETURN mentioned;
END
$$;

-- Refused
SELECT throws_ok(format('SELECT ghostwatch.add_channel(''a'', 1, mention => %L)', m), 'GW041', NULL, m)
FROM unnest(ARRAY['', 'anna', '@', '@an', '@anna b', '@1anna', '@anna<b>', '0', '-5', '12345678901234567', '@a1234567890123456789012345678901_2', '1 2 3 4 5 6']) AS m;

SELECT ghostwatch.add_channel('a', 1, mention => ' @anna_b,  123456789 ');
SELECT ghostwatch.add_channel('b', 2);
SELECT is((SELECT c.mention FROM ghostwatch.channel AS c WHERE c.name = 'a'), '@anna_b 123456789', 'people are listed with a space or a comma');
SELECT pg_temp.open_alert(1);
SELECT is(
    (SELECT string_agg(concat_ws(':', c.channel, c.payload ->> 'mention'), ' ' ORDER BY c.channel) FROM ghostwatch.claim_notifications('w', 100) AS c),
    'a:["@anna_b", "123456789"] b',
    'a new error mentions those of its channel'
);
SELECT pg_temp.sent();
SELECT is(pg_temp.mentioned('escalated'), 'a:escalated:["@anna_b", "123456789"] b:escalated:', 'so does a warning that becomes an error');
SELECT is(pg_temp.mentioned('unacknowledged', 'warn'), 'a:unacknowledged:["@anna_b", "123456789"] b:unacknowledged:', 'and what nobody acknowledged elsewhere');
SELECT is(pg_temp.mentioned('opened', 'warn'), 'a:opened: b:opened:', 'a warning mentions nobody');
SELECT is(pg_temp.mentioned('updated'), 'a:updated: b:updated:', 'nor does an edit');
SELECT is(pg_temp.mentioned('repeated'), 'a:repeated: b:repeated:', 'or a repeat');
SELECT is(pg_temp.mentioned('passed_on'), 'a:passed_on: b:passed_on:', 'or what another channel gets now');
SELECT is(pg_temp.mentioned('resolved', 'error', 'resolved'), 'a:resolved: b:resolved:', 'or a resolution');
UPDATE ghostwatch.alert SET kind = 'drill';
SELECT is(pg_temp.mentioned('opened'), 'a:opened: b:opened:', 'or a drill');

SELECT * FROM finish();
ROLLBACK;
