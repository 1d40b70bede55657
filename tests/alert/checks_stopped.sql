BEGIN;
\ir fixture.psql
SELECT plan(37);

SELECT ghostwatch.add_channel('admins', -1001);

-- The clock shows this time of day; the checks last succeeded, and reached, then.
CREATE FUNCTION pg_temp.clock(at text) RETURNS void
LANGUAGE sql AS $$ SELECT set_config('ghostwatch.clock', '2026-01-01 ' || at || '+00', true) $$;
CREATE FUNCTION pg_temp.succeeded(at text) RETURNS void
LANGUAGE sql AS $$ UPDATE ghostwatch.check_progress SET last_success_at = ('2026-01-01 ' || at || '+00')::timestamptz $$;

SELECT pg_temp.clock('12:00');
SELECT pg_temp.ghost('0', 'recovered', 'none', '11:50');
SELECT is(pg_temp.watch(), false, 'checks that never ran have not stopped');
SELECT pg_temp.succeeded('14:02');
SELECT pg_temp.clock('14:05');
SELECT is(pg_temp.watch(), false, 'three periods without success are no news yet');
SELECT pg_temp.clock('14:05:01');
SELECT is(pg_temp.watch(), true, 'more than three are');
SELECT is(
    ((pg_temp.alert()).kind, (pg_temp.alert()).severity, (pg_temp.alert()).evidence)::text,
    ('checks_stopped'::text, 'error'::text, '{"check_period": "1 minute", "last_success_at": "2026-01-01T14:02:00+00:00"}'::jsonb)::text,
    'an error, which says since when'
);
SELECT is(pg_temp.messages(), '{opened}', 'announced once');
SELECT is(pg_temp.watch(), false, 'a second look announces nothing');
SELECT pg_temp.deliver('14:06');

-- They come back.
SELECT pg_temp.clock('16:40');
SELECT is(pg_temp.watch(), false, 'hours later it is the same incident');
SELECT pg_temp.ghost('1', 'error', 'kitchen', '16:30');
SELECT pg_temp.ghost('2', 'expired', 'kitchen', '15:00');
UPDATE ghostwatch.violation SET closed_at = '2026-01-01 16:40+00', close_reason = 'expired' WHERE state IN ('expired', 'recovered');
UPDATE ghostwatch.check_progress SET catching_up_since = '2026-01-01 14:02+00';
SELECT is(pg_temp.run('16:40'), false, 'what the checks find on their return makes no burst');
SELECT results_eq(
    $$SELECT state, next_attempt_at FROM ghostwatch.notification WHERE alert_id = (pg_temp.alert()).alert_id$$,
    $$VALUES ('pending', timestamptz 'infinity')$$,
    'it is kept'
);
SELECT is(ghostwatch.next_due_in(), NULL, 'and keeps no sidecar from its rest');
SELECT pg_temp.succeeded('16:40');
SELECT ghostwatch.detect_stopped_checks();
SELECT is(
    (SELECT a.state FROM ghostwatch.alert AS a WHERE a.kind = 'checks_stopped'),
    'firing',
    'until the backlog is worked off'
);
UPDATE ghostwatch.check_progress SET catching_up_since = NULL;
SELECT pg_temp.clock('16:41');
SELECT is(pg_temp.watch(), true, 'then the sidecars are woken');
SELECT is(pg_temp.messages(), '{opened,outage_summary}', 'in one outage summary');
SELECT is(
    (SELECT n.payload FROM ghostwatch.notification AS n WHERE n.reason = 'outage_summary'),
    '{}',
    'which takes the place of no message about the outage itself'
);
SELECT results_eq(
    $$SELECT state, resolved_at, evidence -> 'outage_summary' FROM ghostwatch.alert WHERE kind = 'checks_stopped'$$,
    $$SELECT
        'resolved',
        timestamptz '2026-01-01 16:41+00',
        '[{"contract": "shop", "invariant": "first_order", "found": 2, "open": 1, "expired": 1, "recovered": 0}]'::jsonb$$,
    'which says what was found, and for whom it came too late'
);
SELECT is(
    (
        SELECT jsonb_path_query_array(ghostwatch._covered_alerts(n.notification_id), '$[*].kind')
        FROM ghostwatch.notification AS n
        WHERE n.reason = 'outage_summary'
    ),
    '["violations"]',
    'and reports the alert that was kept for it'
);
SELECT is(
    (SELECT n.state FROM ghostwatch.notification AS n WHERE n.next_attempt_at = 'infinity'),
    'superseded',
    'whose own message is not needed any more'
);
SELECT pg_temp.deliver('16:42');
SELECT pg_temp.ghost('3', 'warn', 'none', '17:00');
SELECT pg_temp.heal('16:50');
SELECT pg_temp.run('16:50');
SELECT pg_temp.run('16:55');
SELECT is(pg_temp.messages(), '{opened,outage_summary,resolved}', 'from then on messages go out as ever');

-- An outage of everything: nobody noticed until the checks were back.
SELECT pg_temp.clock('20:00');
SELECT ghostwatch._decide_checks_stopped('2026-01-01 20:00+00');
SELECT pg_temp.succeeded('20:00');
SELECT ghostwatch._decide_checks_stopped('2026-01-01 20:00:10+00');
SELECT is(pg_temp.messages(), '{opened,outage_summary,resolved,outage_summary}', 'is announced as one message');
SELECT is(
    (SELECT n.payload FROM ghostwatch.notification AS n WHERE n.reason = 'outage_summary' AND n.state = 'pending'),
    '{"superseded": ["opened"]}',
    'which took the place of the first'
);
SELECT pg_temp.deliver('20:01');

-- A backlog that does not end
SELECT ghostwatch._decide_checks_stopped('2026-01-01 21:00+00');
SELECT pg_temp.succeeded('21:00');
UPDATE ghostwatch.check_progress SET catching_up_since = '2026-01-01 20:00+00';
SELECT ghostwatch._decide_checks_stopped('2026-01-01 21:00+00');
SELECT pg_temp.succeeded('21:05');
SELECT ghostwatch._decide_checks_stopped('2026-01-01 21:05+00');
SELECT is((pg_temp.alert()).state, 'resolved', 'keeps other alerts waiting for resolve_after at most');
UPDATE ghostwatch.check_progress SET catching_up_since = NULL;

-- Not stopped
SELECT pg_temp.clock('22:00');
SELECT ghostwatch.set_setting('paused', 'true');
SELECT is(pg_temp.watch(), false, 'a pause is no incident');
SELECT ghostwatch.set_setting('paused', 'false');
SELECT ghostwatch.set_setting('check_period', '1 hour');
SELECT is(pg_temp.watch(), false, 'the period is the one that was scheduled');
SELECT ghostwatch.set_setting('check_period', '1 second');
SELECT pg_temp.succeeded('21:59:31');
SELECT is(pg_temp.watch(), false, 'half a minute is allowed, however short the period');
SELECT pg_temp.succeeded('21:00');
UPDATE ghostwatch.check_progress SET failing_since = '2026-01-01 21:01+00', last_attempt_at = '2026-01-01 21:59:59+00';
SELECT is(pg_temp.watch(), false, 'runs in which every check fails do run; each failure is announced by itself');
UPDATE ghostwatch.check_progress SET last_attempt_at = '2026-01-01 21:59:29+00';
SELECT is(pg_temp.watch(), true, 'unless the runs have stopped as well');
SELECT is((pg_temp.alert()).reopened_count, 0, 'an outage long after another is one of its own');
SELECT is(
    (SELECT count(*) FROM ghostwatch.alert AS a WHERE a.kind = 'checks_stopped'),
    4::bigint,
    'four outages, four alerts'
);

-- Checks of one contract, while those of another succeed.
SELECT pg_temp.clock('23:00');
WITH declared AS (
    INSERT INTO ghostwatch.contract (name, subject, key_column, born_at_column, search_path, subject_label)
    VALUES ('club', 'subject', '{id}', 'created_at', 'pg_catalog', 'members')
    RETURNING contract_id
),
clause AS (
    INSERT INTO ghostwatch.invariant (contract_id, name, related, related_key_column, error_after, watch_for, missing_label)
    SELECT d.contract_id, 'card', 'subject', '{id}', '5 minutes', '25 minutes', 'a card'
    FROM declared AS d
    RETURNING invariant_id
)
INSERT INTO ghostwatch.check_progress (invariant_id, watermark, checked_up_to)
SELECT c.invariant_id, '2026-01-01 12:00+00', '2026-01-01 12:00+00'
FROM clause AS c;
UPDATE ghostwatch.check_progress SET failing_since = NULL, last_error = NULL, last_error_state = NULL, last_success_at = '2026-01-01 23:00+00';
SELECT pg_temp.watch();
SELECT is((pg_temp.alert()).state, 'resolved', 'all are back');

UPDATE ghostwatch.check_progress SET last_success_at = '2026-01-01 23:40+00'
WHERE invariant_id = pg_temp.invariant_id();
SELECT pg_temp.clock('23:40');
SELECT is(pg_temp.watch(), true, 'one contract is not excused by the successes of another');
SELECT is(
    (pg_temp.alert()).evidence - 'check_period',
    '{"contracts": ["club"], "last_success_at": "2026-01-01T23:00:00+00:00"}',
    'the alert names it, and since when'
);
SELECT pg_temp.ghost('late', 'error', 'none', '23:20');
SELECT pg_temp.run('23:40');
SELECT is(
    (SELECT n.next_attempt_at FROM ghostwatch.notification AS n ORDER BY n.notification_id DESC LIMIT 1),
    '2026-01-01 23:40+00'::timestamptz,
    'alerts of the other one are sent at once'
);

UPDATE ghostwatch.check_progress SET last_success_at = '2026-01-01 23:00+00';
SELECT pg_temp.watch();
SELECT is((pg_temp.alert('checks_stopped')).evidence ? 'contracts', false, 'then nothing is checked any more');
SELECT pg_temp.heal('23:50');
SELECT pg_temp.run('23:50');
SELECT pg_temp.run('23:55');
SELECT is(
    (SELECT n.next_attempt_at FROM ghostwatch.notification AS n ORDER BY n.notification_id DESC LIMIT 1),
    'infinity'::timestamptz,
    'and what a check finds is kept'
);
UPDATE ghostwatch.check_progress SET last_success_at = '2026-01-01 23:55+00'
WHERE invariant_id = pg_temp.invariant_id();
SELECT is(pg_temp.watch(), true, 'until the checks of that contract are back');
SELECT is(
    (SELECT n.next_attempt_at FROM ghostwatch.notification AS n ORDER BY n.notification_id DESC LIMIT 1),
    '2026-01-01 23:55+00'::timestamptz,
    'while those of the other are not'
);
SELECT is((pg_temp.alert('checks_stopped')).state, 'firing', 'which is still announced');

SELECT * FROM finish();
ROLLBACK;
