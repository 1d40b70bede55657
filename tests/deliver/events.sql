BEGIN;
SELECT plan(15);
\ir outbox.psql

CREATE FUNCTION pg_temp.post(count integer, branch text DEFAULT 'none', new boolean DEFAULT true) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(ghostwatch.post_event('user_started', n::text, jsonb_build_object('branch', branch, 'new', new)))
    FROM generate_series(1, count) AS n
$$;
CREATE FUNCTION pg_temp.gathering() RETURNS jsonb LANGUAGE sql AS $$
    SELECT c.payload FROM ghostwatch.claim_notifications('w') AS c
$$;

SELECT ghostwatch.add_channel('admins', 5);
SELECT ghostwatch.add_channel('no_events', 6, events => false);

SELECT pg_temp.post(2, 'kitchen');
SELECT is(
    (SELECT array_agg(e ->> 'subject_key') FROM jsonb_array_elements(pg_temp.gathering() -> 'events') AS e),
    ARRAY['1', '2'],
    'few events are told one by one'
);
SELECT is(
    (SELECT count(*) FROM ghostwatch.notification), 1::bigint, 'to channels that want them'
);
SELECT pg_temp.sent();

-- A rush.
SELECT pg_temp.advance('1 second');
SELECT pg_temp.post(10000, 'kitchen');
SELECT is(pg_temp.claim(), '', 'the next message about events waits a while');
SELECT is(ghostwatch.next_due_in(), '14 seconds', 'for the setting event_interval');
SELECT pg_temp.post(5, 'wrapped', new => false);
SELECT is(pg_temp.claim(), '', 'what comes meanwhile');
SELECT pg_temp.advance('14 seconds');
SELECT is(
    (SELECT array_agg(concat_ws(' ', g ->> 'branch', g ->> 'new', g ->> 'count'))
     FROM jsonb_array_elements(pg_temp.gathering() -> 'counts') AS g),
    ARRAY['kitchen true 10000', 'wrapped false 5'],
    'goes into the same message, counted by branch and newcomers'
);
SELECT is(
    (SELECT n.payload -> 'events' FROM ghostwatch.notification AS n WHERE n.state = 'claimed'), '[]', 'and not one by one'
);
SELECT is(
    (SELECT (n.payload ->> 'count')::integer FROM ghostwatch.notification AS n WHERE n.state = 'claimed'),
    10005,
    'none is lost'
);
SELECT is(
    (SELECT count(*) FROM ghostwatch.event AS e WHERE e.gathered_at IS NULL), 0::bigint, 'none waits any more'
);

-- Also while a message is on its way, and if it fails.
SELECT pg_temp.post(1, 'late');
SELECT is(pg_temp.claim(), '', 'events that come while a message is being sent');
SELECT ghostwatch.notification_retry(n.notification_id, 'w', 'no answer') FROM ghostwatch.notification AS n WHERE n.state = 'claimed';
SELECT is(
    (SELECT sum((n.payload ->> 'count')::integer) FROM ghostwatch.notification AS n WHERE n.state = 'pending'),
    10006::bigint,
    'are in a message of their own'
);

-- However many branches come, a gathering stays small.
SELECT is(
    (SELECT jsonb_array_length(ghostwatch._merge_events(
        '{}',
        jsonb_build_object('counts', jsonb_agg(jsonb_build_object('kind', 'k', 'branch', n, 'new', true, 'count', 1)), 'events', '[]'::jsonb)
     ) -> 'counts') FROM generate_series(1, 500) AS n),
    51,
    'fifty branches by name, and all others'
);

SELECT throws_ok($$ SELECT ghostwatch.post_event(NULL, '1', '{}') $$, 'GW042', NULL, 'an event needs a kind');
SELECT throws_ok($$ SELECT ghostwatch.post_event('k', '', '{}') $$, 'GW042', NULL, 'a subject');
SELECT throws_ok($$ SELECT ghostwatch.post_event('k', '1', '[]') $$, 'GW042', NULL, 'and facts');

SELECT * FROM finish();
ROLLBACK;
