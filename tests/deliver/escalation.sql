BEGIN;
\ir ../alert/fixture.psql
SELECT plan(37);

SELECT ghostwatch.set_setting('chat_interval', '0');
SELECT ghostwatch.set_setting('update_interval', '1000 years');
SELECT ghostwatch.declare_contract('elsewhere', 'subject');
SELECT ghostwatch.add_channel('owner', -1003, min_severity => 'error', contracts => '{elsewhere}', events => false);
SELECT ghostwatch.add_channel('on_call', -1002, min_severity => 'error', escalate_after => '10 minutes', escalate_to => 'owner');
SELECT ghostwatch.add_channel('admins', -1001, escalate_after => '15 minutes', escalate_to => 'on_call');

CREATE FUNCTION pg_temp.sends(at text) RETURNS text LANGUAGE plpgsql AS $$
-- What a sidecar sends at this time of day, as channel:reason, and for a step of the chain which channel it names.
DECLARE
    sends text[] := '{}';
    given record;
BEGIN
    PERFORM set_config('ghostwatch.clock', '2026-01-01 ' || at || '+00', true);
    FOR given IN SELECT * FROM ghostwatch.claim_notifications('w', 100) LOOP
        PERFORM ghostwatch.notification_sent(given.notification_id, 'w', given.notification_id);
        sends := sends || concat_ws(':', given.channel, given.reason, given.payload ->> 'channel', given.payload ->> 'after');
    END LOOP;
    RETURN array_to_string(ARRAY(SELECT s FROM unnest(sends) AS s ORDER BY s), ' ');
END
$$;
CREATE FUNCTION pg_temp.next_incident(number text, at text) RETURNS text LANGUAGE sql AS $$
    -- The one before is over, and the next one begins.
    UPDATE ghostwatch.alert SET state = 'resolved', resolved_at = ghostwatch._clock() - '31 minutes'::interval WHERE state = 'firing';
    SELECT pg_temp.heal(at);
    SELECT pg_temp.ghost(number, 'warn');
    SELECT pg_temp.run(at);
    SELECT pg_temp.sends(at);
$$;

-- Refused
SELECT throws_ok($$SELECT ghostwatch.add_channel('owner', escalate_after => '1 hour', escalate_to => 'admins')$$, 'GW043', NULL, 'a chain does not come back to where it begins');
SELECT throws_ok($$SELECT ghostwatch.add_channel('admins', escalate_to => 'admins')$$, 'GW043', NULL, 'nor does a channel escalate to itself');
SELECT throws_ok($$SELECT ghostwatch.add_channel('admins', escalate_to => 'nobody')$$, 'GW043', NULL, 'or to one that does not exist');
SELECT throws_ok($$SELECT ghostwatch.add_channel('owner', escalate_to => 'new')$$, 'GW043', NULL, 'or to any without a time');
SELECT throws_ok($$SELECT ghostwatch.add_channel('owner', escalate_after => '1 hour')$$, 'GW043', NULL, 'or after a time to none');
SELECT throws_ok($$SELECT ghostwatch.add_channel('admins', escalate_after => '0')$$, 'GW043', NULL, 'or at once');
SELECT throws_ok($$SELECT ghostwatch.remove_channel('on_call')$$, 'GW043', NULL, 'a channel of a chain is not removed');
SELECT results_eq(
    $$SELECT step, channel FROM ghostwatch._escalation_chain('admins')$$,
    $$VALUES (1::bigint, 'admins'), (2, 'on_call'), (3, 'owner')$$,
    'the chain, in order'
);

-- The whole chain
SELECT pg_temp.ghost('1', 'warn');
SELECT pg_temp.run('12:00');
SELECT is(pg_temp.sends('12:00:05'), 'admins:opened', 'a warning, which is for admins only');
SELECT is(pg_temp.sends('12:15:04'), '', 'within the time nothing happens');
SELECT is(ghostwatch.next_due_in(), '1 second', 'a sidecar knows when it will');
SELECT results_eq(
    $$SELECT w.channel, w.cause, w.finding FROM ghostwatch.why((pg_temp.alert()).alert_id) AS w WHERE w.step = 'escalation'$$,
    $$VALUES ('admins', 'unacknowledged', 'Channel on_call gets it as well at 2026-01-01 12:15:05+00, unless somebody acknowledges it before.')$$,
    'why() says so'
);
SELECT matches(
    (SELECT e.value FROM ghostwatch.explain_alert((pg_temp.alert()).alert_id) AS e WHERE e.topic = 'channels' AND e.item = 'admins'),
    'unless somebody acknowledges it, on_call gets it at 2026-01-01 12:15:05',
    'and so does explain_alert()'
);
SELECT ok(
    EXISTS (SELECT FROM ghostwatch.doctor() AS d WHERE d.finding LIKE '%admins%after 00:15:00 without acknowledgement channel on_call gets them as well.'),
    'the doctor knows the chain'
);
SELECT is(pg_temp.sends('12:15:05'), 'admins:passed_on:on_call:900 on_call:unacknowledged:admins:900', 'then the next channel gets it whatever its filters are, and the first one a message that says so');
SELECT is(
    (SELECT n.state FROM ghostwatch.notification AS n WHERE n.reason = 'opened'),
    'sent',
    'the first message stays as it is'
);
SELECT is(pg_temp.sends('12:25:04'), '', 'each step has its own time');
SELECT is(pg_temp.sends('12:25:05'), 'on_call:passed_on:owner:600 owner:unacknowledged:on_call:600', 'the third channel, too, although it is for another contract');
SELECT is(pg_temp.sends('14:00'), '', 'each step is taken once');
SELECT pg_temp.heal('14:01');
SELECT pg_temp.run('14:01');
SELECT pg_temp.run('14:06');
SELECT is(pg_temp.sends('14:06'), 'admins:resolved on_call:resolved owner:resolved', 'all of them get the resolution');

-- It comes back: a new episode.
SELECT pg_temp.ghost('2', 'warn');
SELECT pg_temp.run('14:10');
SELECT is(pg_temp.sends('14:10'), 'admins:reopened', 'an incident that comes back begins in the first channel');
SELECT is(pg_temp.sends('14:25'), 'admins:passed_on:on_call:900 on_call:unacknowledged:admins:900', 'and goes through the chain again');
SELECT ghostwatch.acknowledge(a.alert_id, 'anna') FROM ghostwatch.alert AS a WHERE a.state = 'firing';
SELECT is(pg_temp.sends('14:50'), '', 'until somebody acknowledges it');

-- What ends it
SELECT is(pg_temp.next_incident('3', '15:00'), 'admins:opened', 'another incident');
SELECT ghostwatch.acknowledge(a.alert_id, 'anna') FROM ghostwatch.alert AS a WHERE a.state = 'firing';
SELECT is(pg_temp.sends('15:30'), '', 'an acknowledged alert goes no further');
SELECT is(pg_temp.next_incident('4', '16:00'), 'admins:opened', 'another incident');
SELECT pg_temp.heal('16:05');
SELECT pg_temp.run('16:05');
SELECT pg_temp.run('16:10');
SELECT is(pg_temp.sends('16:30'), 'admins:resolved', 'nor does one that is resolved');
SELECT is(pg_temp.next_incident('5', '17:10'), 'admins:opened', 'another incident');
SELECT ghostwatch.silence('shop', duration => '30 minutes', by => 'anna');
SELECT is(pg_temp.sends('17:35'), '', 'nor does one that is silenced');
SELECT pg_temp.run('17:41');
SELECT is(pg_temp.sends('17:41'), 'admins:silence_ended', 'when the silence ends');
SELECT is(pg_temp.sends('17:55'), '', 'the time begins anew');
SELECT is(pg_temp.sends('17:56'), 'admins:passed_on:on_call:900 on_call:unacknowledged:admins:900', 'and the chain goes on');
SELECT is(pg_temp.next_incident('6', '18:30'), 'admins:opened', 'another incident');
SELECT ghostwatch.maintenance('1 hour', comment => 'release');
SELECT is(pg_temp.sends('18:50'), '', 'nothing goes further during maintenance');
DELETE FROM ghostwatch.maintenance;

-- Chats that are closed
SELECT ghostwatch.disable_channel('on_call');
SELECT is(pg_temp.sends('18:51'), 'admins:passed_on:owner:1260 owner:unacknowledged:admins:1260', 'a closed channel is passed over');
SELECT ghostwatch.enable_channel('on_call');
SELECT ghostwatch.disable_channel('admins');
SELECT is(pg_temp.next_incident('7', '20:00'), '', 'where nobody can be sent the first message');
SELECT is(pg_temp.sends('20:15'), 'on_call:unacknowledged:admins:900', 'the next channel gets it after the same time');

SELECT * FROM finish();
ROLLBACK;
