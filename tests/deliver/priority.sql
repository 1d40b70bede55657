BEGIN;
SELECT plan(10);
\ir outbox.psql

CREATE FUNCTION pg_temp.severity(number integer, severity text) RETURNS void LANGUAGE sql AS $$
    UPDATE ghostwatch.alert SET severity = $2 WHERE invariant = format('clause_%s', number)
$$;

CREATE FUNCTION pg_temp.seconds_until(expected text, at_most integer) RETURNS integer LANGUAGE plpgsql AS $$
-- How long a sidecar that asks once a second waits for a message; what it gets before that, it sends.
DECLARE
    claimed text;
BEGIN
    FOR second IN 0..at_most LOOP
        claimed := pg_temp.claim();
        PERFORM pg_temp.sent();
        IF claimed = expected THEN
            RETURN second;
        END IF;
        PERFORM pg_temp.advance('1 second');
    END LOOP;
    RETURN NULL;
END
$$;

SELECT ghostwatch.add_channel('group', -100);

-- One of each kind, in the order opposite to that in which they are to be sent.
SELECT pg_temp.open_alert(n) FROM generate_series(1, 5) AS n;
SELECT pg_temp.seconds_until('never', 5);
SELECT pg_temp.advance('1 hour');
SELECT ghostwatch.post_event('user_started', '1', '{"name": "Anna", "new": true}');
SELECT ghostwatch._enqueue(alert_id, 'updated', ghostwatch._clock()) FROM ghostwatch.alert WHERE invariant = 'clause_1';
SELECT pg_temp.advance('1 millisecond');
UPDATE ghostwatch.alert SET state = 'resolved', resolved_at = ghostwatch._clock() WHERE invariant = 'clause_2';
INSERT INTO ghostwatch.notification (channel_id, alert_id, reason, created_at, next_attempt_at)
SELECT c.channel_id, a.alert_id, r.reason, ghostwatch._clock() + r.later, ghostwatch._clock()
FROM ghostwatch.channel AS c
CROSS JOIN (VALUES
    ('clause_2', 'resolved', interval '0'),
    ('clause_3', 'repeated', '1 microsecond'),
    ('clause_4', 'details', '2 microseconds'),
    ('clause_5', 'escalated', '3 microseconds')
) AS r (clause, reason, later)
INNER JOIN ghostwatch.alert AS a ON a.invariant = r.clause;
SELECT pg_temp.open_alert(6);
SELECT pg_temp.severity(6, 'warn');
SELECT pg_temp.open_alert(7);
CREATE TEMPORARY TABLE claimed AS SELECT 0 AS place, NULL::text AS what WHERE false;
DO $$
BEGIN
    FOR place IN 1..8 LOOP
        PERFORM pg_temp.advance('1 second');
        INSERT INTO claimed SELECT place, pg_temp.claim();
        PERFORM pg_temp.sent();
    END LOOP;
END
$$;
SELECT is(
    (SELECT string_agg(what, ' ' ORDER BY place) FROM claimed),
    'group:opened:7 group:escalated:5 group:opened:6 group:repeated:3 group:details:4 group:resolved:2 group:updated:1 group:events',
    'errors, other new messages, resolutions, edits, events'
);

-- What a person asked for does not hold back what follows about the same alert.
SELECT pg_temp.advance('1 hour');
INSERT INTO ghostwatch.notification (channel_id, alert_id, reason, created_at, next_attempt_at)
SELECT n.channel_id, n.alert_id, r.reason, ghostwatch._clock(), ghostwatch._clock()
FROM ghostwatch.notification AS n
CROSS JOIN (VALUES (1, 'details'), (2, 'escalated')) AS r (place, reason)
WHERE n.alert_id = (SELECT alert_id FROM ghostwatch.alert WHERE invariant = 'clause_6') AND n.reason = 'opened'
ORDER BY r.place;
SELECT pg_temp.severity(6, 'error');
SELECT is(pg_temp.seconds_until('group:escalated:6', 5), 0, 'details wait for an error about their alert');
SELECT pg_temp.seconds_until('group:details:6', 5);

-- A hundred firing alerts, all of which change all the time.
SELECT pg_temp.advance('1 hour');
SELECT ghostwatch.declare_invariant('welcome', format('clause_%s', n), 'public.greeting', 'account_id', warn_after => '1 minute')
FROM generate_series(31, 130) AS n;
SELECT pg_temp.open_alert(n) FROM generate_series(31, 128) AS n;
UPDATE ghostwatch.notification SET state = 'sent', message_id = notification_id, sent_at = ghostwatch._clock(), rendered_at = ghostwatch._clock()
WHERE state = 'pending';
SELECT pg_temp.advance('1 hour');

CREATE FUNCTION pg_temp.run(seconds integer, events boolean) RETURNS TABLE (second integer, what text) LANGUAGE plpgsql AS $$
-- What is sent while all alerts change twice a minute, and perhaps somebody starts the bot.
BEGIN
    FOR at IN 1..seconds LOOP
        PERFORM pg_temp.advance('1 second');
        IF at % 30 = 1 THEN
            PERFORM ghostwatch._enqueue(a.alert_id, 'updated', ghostwatch._clock()) FROM ghostwatch.alert AS a WHERE a.state = 'firing';
        END IF;
        IF events THEN
            PERFORM ghostwatch.post_event('user_started', at::text, '{"name": "Anna", "new": true}');
        END IF;
        second := at;
        what := pg_temp.claim();
        PERFORM pg_temp.sent();
        IF what <> '' THEN
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;

CREATE TEMPORARY TABLE sent AS SELECT * FROM pg_temp.run(90, false);
SELECT is((SELECT count(*) FROM sent WHERE what LIKE 'group:updated:%'), 20::bigint, 'edits take half of what a group may get in a minute');
SELECT is((SELECT count(DISTINCT what) FROM sent), 20::bigint, 'in turns');
SELECT ok(ghostwatch.next_due_in() > '20 seconds', 'until then a sidecar rests');
SELECT pg_temp.open_alert(129);
SELECT ok(ghostwatch.next_due_in() <= '1 second', 'and no longer when a new error waits');
SELECT cmp_ok(pg_temp.seconds_until('group:opened:129', 60), '<=', 3, 'which is sent within three seconds');

SELECT ok(
    (SELECT count(*) > 0 FROM pg_temp.run(60, true) AS sent WHERE sent.what = 'group:events'),
    'events are sent although there is always something to edit'
);

-- Everything is over at once.
SELECT pg_temp.advance('1 hour');
DELETE FROM ghostwatch.notification WHERE state = 'pending';
UPDATE ghostwatch.alert SET state = 'resolved', resolved_at = ghostwatch._clock();
SELECT ghostwatch._enqueue(alert_id, 'resolved', ghostwatch._clock()) FROM ghostwatch.alert;
SELECT is(pg_temp.seconds_until('never', 40), NULL, 'resolutions use what they may');
SELECT pg_temp.open_alert(130);
SELECT cmp_ok(pg_temp.seconds_until('group:opened:130', 60), '<=', 3, 'a new error is sent within three seconds then, too');

SELECT * FROM finish();
ROLLBACK;
