BEGIN;
SELECT plan(18);
\ir ../alert/fixture.psql

SELECT ghostwatch.add_channel('admins', -1001);
SELECT ghostwatch.add_channel('errors', -1002, min_severity => 'error');
SELECT ghostwatch.set_setting('chat_interval', '0');
SELECT ghostwatch.set_setting('reopen_within', '1 hour');

-- What a sidecar is given at this time of day, as channel:reason:state, edits aside; it holds it for half a minute.
CREATE FUNCTION pg_temp.claim(at text) RETURNS text
LANGUAGE sql AS $$
    SELECT set_config('ghostwatch.clock', '2026-01-01 ' || at || '+00', true);
    DELETE FROM ghostwatch.notification WHERE reason = 'updated' AND state = 'pending';
    SELECT coalesce(
        string_agg(concat_ws(':', c.channel, c.reason, c.alert ->> 'severity', c.alert ->> 'state'), ' ' ORDER BY c.channel), ''
    )
    FROM ghostwatch.claim_notifications('w') AS c
$$;
CREATE FUNCTION pg_temp.sent() RETURNS bigint
LANGUAGE sql AS $$
    SELECT count(ghostwatch.notification_sent(n.notification_id, 'w', 1000 + n.notification_id))
    FROM ghostwatch.notification AS n
    WHERE n.state = 'claimed'
$$;
CREATE FUNCTION pg_temp.states(wanted text) RETURNS text[]
LANGUAGE sql AS $$
    SELECT array_agg(n.state ORDER BY n.notification_id)
    FROM ghostwatch.notification AS n
    INNER JOIN ghostwatch.channel AS c USING (channel_id)
    WHERE c.name = 'admins' AND n.reason = wanted
$$;

-- A warning becomes an error: a channel that was told of no warning is told of an error, not of a change.
SELECT pg_temp.ghost('1', 'warn', 'none', '11:58');
SELECT pg_temp.run('12:00');
SELECT is(pg_temp.claim('12:00:01'), 'admins:opened:warn:firing', 'a channel for errors is not told of a warning');
SELECT pg_temp.sent();
SELECT pg_temp.ghost('1', 'error', 'none', '11:58');
SELECT pg_temp.run('12:05');
SELECT is(
    pg_temp.claim('12:05:01'), 'admins:escalated:error:firing errors:opened:error:firing',
    'an alert that escalates opens in the channel for errors'
);

-- The sidecar dies, and the alert resolves before its lease ends.
SELECT pg_temp.heal('12:05:10');
SELECT pg_temp.run('12:05:10');
SELECT pg_temp.run('12:10:10');
SELECT is(
    pg_temp.claim('12:10:11'), 'admins:resolved:error:resolved errors:resolved:error:resolved',
    'what came up since takes the place of what was claimed'
);
SELECT is(pg_temp.states('escalated'), '{superseded}', 'which is not sent again');
SELECT isnt(
    (SELECT min(n.unconfirmed_at) FROM ghostwatch.notification AS n WHERE n.reason = 'escalated'), NULL,
    'and is remembered as one that may have arrived'
);
SELECT is(
    ghostwatch.notification_sent((SELECT min(n.notification_id) FROM ghostwatch.notification AS n WHERE n.reason = 'escalated'), 'w', 55),
    true,
    'a late report that it did arrive is believed'
);
SELECT is(pg_temp.states('escalated'), '{sent}', 'and recorded');
SELECT pg_temp.sent();

-- It comes back, and is over again, while nothing can be sent.
SELECT pg_temp.ghost('2', 'error', 'none', '12:15');
SELECT pg_temp.run('12:20');
SELECT pg_temp.heal('12:21');
SELECT pg_temp.run('12:21');
SELECT pg_temp.run('12:26');
SELECT is(
    pg_temp.claim('12:26:01'), 'admins:resolved_again:error:resolved errors:resolved_again:error:resolved',
    'a second resolution says that the alert had come back'
);
SELECT pg_temp.sent();
SELECT is(pg_temp.claim('12:26:02'), '', 'and nothing else is left to tell');

-- It comes back as a warning: the channel for errors has been told of its end.
SELECT pg_temp.ghost('3', 'warn', 'none', '12:28');
SELECT pg_temp.run('12:30');
SELECT is(pg_temp.claim('12:30:01'), 'admins:reopened:warn:firing', 'a warning is not told to a channel for errors');
SELECT pg_temp.sent();
SELECT pg_temp.ghost('3', 'error', 'none', '12:28');
SELECT pg_temp.run('12:34');
SELECT is(
    pg_temp.claim('12:34:01'), 'admins:escalated:error:firing errors:reopened:error:firing',
    'which is told that it is back when it is an error again'
);
SELECT pg_temp.sent();

-- What was given up, and has been overtaken since, is not sent again.
SELECT pg_temp.ghost('4', 'warn', 'none', '16:58');
SELECT pg_temp.heal('12:40');
SELECT pg_temp.run('12:40');
SELECT pg_temp.run('12:46');
SELECT pg_temp.claim('12:46:01');
SELECT pg_temp.sent();
SELECT pg_temp.ghost('5', 'error', 'none', '16:50');
SELECT pg_temp.run('17:00');
SELECT is(pg_temp.claim('17:00:01'), 'admins:opened:error:firing errors:opened:error:firing', 'another incident');
SELECT ghostwatch.notification_failed(n.notification_id, 'w', 'too odd') FROM ghostwatch.notification AS n WHERE n.state = 'claimed';
SELECT pg_temp.heal('17:01');
SELECT pg_temp.run('17:01');
SELECT pg_temp.run('17:06');
SELECT is(
    pg_temp.claim('17:06:01'), 'admins:resolved:error:resolved errors:resolved:error:resolved', 'of which the end is told only'
);
SELECT pg_temp.sent();
SELECT is(ghostwatch.retry_failed(), 0::bigint, 'leaves nothing to try again');

-- Details that somebody asked for take the place of nothing.
SELECT pg_temp.ghost('6', 'error', 'none', '18:50');
SELECT pg_temp.run('19:00');
SELECT pg_temp.claim('19:00:01');
SELECT ghostwatch._queue_details(c.channel_id, (pg_temp.alert()).alert_id, ghostwatch._clock())
FROM ghostwatch.channel AS c WHERE c.name = 'admins';
SELECT is(
    pg_temp.claim('19:01'), 'admins:opened:error:firing errors:opened:error:firing', 'an alert is not overtaken by its details'
);
SELECT pg_temp.sent();
SELECT pg_temp.heal('19:02');
SELECT pg_temp.run('19:02');
SELECT pg_temp.run('19:08');
SELECT is(pg_temp.claim('19:08:01'), 'admins:details:error:resolved errors:resolved:error:resolved', 'nor are they by its end');
SELECT pg_temp.sent();
SELECT pg_temp.claim('19:09');
SELECT pg_temp.sent();

-- A silence that is over before the alert is resolved keeps nothing back any more.
SELECT pg_temp.ghost('9', 'error', 'none', '20:10');
SELECT pg_temp.run('20:20');
SELECT pg_temp.claim('20:20:01');
SELECT pg_temp.sent();
SELECT ghostwatch.silence('shop', duration => '10 minutes', by => 'anna');
SELECT pg_temp.heal('20:28');
SELECT pg_temp.run('20:28');
SELECT pg_temp.run('20:33');
SELECT is(
    pg_temp.claim('20:33:01'), 'admins:resolved:error:resolved errors:resolved:error:resolved',
    'the end of an alert is sent if the silence has ended before'
);
SELECT pg_temp.sent();

-- An edit whose message was never sent
SELECT pg_temp.ghost('7', 'error', 'none', '21:50');
SELECT pg_temp.run('22:00');
SELECT pg_temp.claim('22:00:01');
SELECT pg_temp.ghost('8', 'error', 'none', '21:50');
SELECT pg_temp.run('22:00:05');
SELECT ghostwatch.notification_failed(n.notification_id, 'w', 'too odd') FROM ghostwatch.notification AS n WHERE n.state = 'claimed';
SELECT is(
    (
        SELECT set_config('ghostwatch.clock', '2026-01-01 22:10+00', true) || count(*)
        FROM ghostwatch.claim_notifications('w') AS c
    ),
    '2026-01-01 22:10+000',
    'does not become the first message'
);

SELECT * FROM finish();
ROLLBACK;
