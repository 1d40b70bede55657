BEGIN;
\ir fixture.psql
SELECT plan(39);

SELECT ghostwatch.add_channel('admins', -1001);

-- Nothing wrong.
SELECT is(pg_temp.run('12:00'), false, 'with nothing wrong no sidecar is woken');
SELECT is_empty('SELECT FROM ghostwatch.alert', 'and no alert');

-- Opened.
SELECT pg_temp.ghost('1', 'warn', 'kitchen', '11:58');
SELECT pg_temp.ghost('2', 'warn', 'none', '11:57');
INSERT INTO ghostwatch.branch_minute VALUES
    (pg_temp.invariant_id(), '2026-01-01 11:58+00', 'kitchen', 1, 1),
    (pg_temp.invariant_id(), '2026-01-01 11:57+00', 'none', 9, 1);
SELECT is(pg_temp.run('12:01'), true, 'the first violation wakes the sidecars');
SELECT is(
    to_jsonb(pg_temp.alert()) - '{alert_id,invariant_id,evidence}'::text[] - '{opened_at,changed_at,last_notified_at}'::text[],
    '{"kind": "violations", "contract": "shop", "invariant": "first_order", "rule": "threshold", "state": "firing",
      "severity": "warn", "escalated_at": null, "clear_since": null, "resolved_at": null, "reopened_at": null,
      "reopened_count": 0, "acknowledged_at": null, "acknowledged_by": null, "acknowledge_comment": null,
      "repair_requested_at": null, "repair_requested_by": null, "silence_id": null,
      "warn_count": 2, "error_count": 0, "peak_count": 2, "sample_keys": ["2", "1"],
      "branches": [{"family": "kitchen", "violations": 1, "due": 1}, {"family": "none", "violations": 1, "due": 9}]}',
    'the alert has counts, samples oldest first, and the branch with the largest excess first'
);
SELECT is(
    (pg_temp.alert()).evidence,
    '{"min_rate": 0, "min_count": 1, "warn_after": "00:01:00", "error_after": "00:05:00", "watch_for": "00:25:00"}',
    'and the thresholds it was decided by'
);
SELECT is(pg_temp.messages(), '{opened}', 'it is announced once');
SELECT is(pg_temp.run('12:02'), false, 'a minute that passed is no news');

-- Updated: an edit, not a message, and only once per update_interval.
SELECT pg_temp.deliver('12:02');
SELECT pg_temp.ghost('3', 'warn', 'none', '12:01');
SELECT is(pg_temp.run('12:02:30'), true, 'a count that changed is news');
SELECT results_eq(
    $$SELECT state, next_attempt_at FROM ghostwatch.notification WHERE reason = 'updated'$$,
    $$VALUES ('pending', timestamptz '2026-01-01 12:03+00')$$,
    'as an edit, an update_interval after the message'
);
SELECT pg_temp.ghost('4', 'warn', 'none', '12:01');
SELECT is(pg_temp.run('12:02:40'), false, 'the edit that waits will show the next change too');
SELECT pg_temp.deliver('12:03');
SELECT pg_temp.ghost('5', 'warn', 'none', '12:02');
SELECT pg_temp.run('12:03:10');
SELECT results_eq(
    $$SELECT state, next_attempt_at FROM ghostwatch.notification WHERE reason = 'updated'$$,
    $$VALUES ('pending', timestamptz '2026-01-01 12:04+00')$$,
    'an edit that is done is used again, an update_interval later'
);
UPDATE ghostwatch.notification SET state = 'claimed' WHERE reason = 'updated';
SELECT pg_temp.ghost('6', 'warn', 'none', '12:02');
SELECT is(pg_temp.run('12:04:10'), true, 'an edit in the hands of a sidecar may miss a change, so another one is due');
SELECT pg_temp.deliver('12:10');
UPDATE ghostwatch.notification SET state = 'sent', sent_at = '2026-01-01 12:10+00' WHERE state = 'claimed';
SELECT is(pg_temp.messages(), '{opened}', 'still one message');
INSERT INTO ghostwatch.branch_minute VALUES
    (pg_temp.invariant_id(), '2026-01-01 12:02+00', 'none', 50, 0),
    (pg_temp.invariant_id(), '2026-01-01 12:02+00', 'other', 5, 0);
SELECT is(pg_temp.run('12:10:30'), false, 'more healthy subjects are no reason for an edit');
SELECT is((pg_temp.alert()).branches @> '[{"family": "none", "due": 59}]', true, 'but they are recorded');
DELETE FROM ghostwatch.branch_minute WHERE minute = '2026-01-01 12:02+00';

-- Escalated, once.
SELECT pg_temp.ghost('2', 'error', 'none', '11:57');
SELECT is(pg_temp.run('12:11'), true, 'an escalation is news');
SELECT is(pg_temp.messages(), '{opened,escalated}', 'as a new message');
SELECT is((pg_temp.alert()).escalated_at, '2026-01-01 12:11+00', 'its time is kept');
SELECT pg_temp.deliver('12:12');
UPDATE ghostwatch.violation SET state = 'recovered', closed_at = '2026-01-01 12:12+00', close_reason = 'row_came' WHERE subject_key = '2';
SELECT pg_temp.run('12:13');
SELECT is((pg_temp.alert()).severity, 'error', 'an error absorbs the warnings that are left of it');
SELECT is(((pg_temp.alert()).warn_count, (pg_temp.alert()).peak_count)::text, '(5,6)', 'and so is the most that were open at once');
SELECT pg_temp.ghost('1', 'error', 'kitchen', '11:58');
SELECT pg_temp.run('12:14');
SELECT is(pg_temp.messages(), '{opened,escalated}', 'so that errors coming and going are no new messages');

-- Repeated, until somebody acknowledges.
SELECT pg_temp.deliver('12:20');
SELECT pg_temp.run('16:10:59');
SELECT is(pg_temp.messages(), '{opened,escalated}', 'nothing is repeated before repeat_interval has passed');
SELECT pg_temp.run('16:11');
SELECT is(pg_temp.messages(), '{opened,escalated,repeated}', 'then it is');
SELECT is(ghostwatch.acknowledge((pg_temp.alert()).alert_id, 'anna', 'on it'), true, 'anna acknowledges');
SELECT is(ghostwatch.acknowledge((pg_temp.alert()).alert_id, 'boris'), false, 'boris is too late');
SELECT is(
    ((pg_temp.alert()).acknowledged_by, (pg_temp.alert()).acknowledge_comment, (pg_temp.alert()).acknowledged_at)::text,
    ('anna'::text, 'on it'::text, '2026-01-01 16:11+00'::timestamptz)::text,
    'the alert says who, when and why'
);
SELECT pg_temp.deliver('16:12');
SELECT pg_temp.run('21:00');
SELECT is(pg_temp.messages(), '{opened,escalated,repeated}', 'nothing is repeated after that');

-- Quiet, resolved.
SELECT pg_temp.heal('21:01');
SELECT pg_temp.run('21:02');
SELECT is(
    ((pg_temp.alert()).clear_since, (pg_temp.alert()).warn_count, (pg_temp.alert()).sample_keys)::text,
    ('2026-01-01 21:02+00'::timestamptz, 0, '{1,3,4,5,6}'::text[])::text,
    'that nothing is wrong is recorded; the samples stay'
);
SELECT pg_temp.ghost('1', 'error', 'kitchen', '11:58');
SELECT pg_temp.run('21:03');
SELECT is((pg_temp.alert()).clear_since, NULL, 'a violation ends that');
SELECT pg_temp.heal('21:04');
SELECT pg_temp.run('21:04');
SELECT is(pg_temp.run('21:08:59'), false, 'before resolve_after is over there is no news');
SELECT pg_temp.deliver('21:08:59');
SELECT is(pg_temp.run('21:09'), true, 'once it is over there is');
SELECT is(pg_temp.messages(), '{opened,escalated,repeated,resolved}', 'the resolution is announced');
SELECT is((pg_temp.alert()).evidence -> 'closure_counts', '{"row_came": 6}', 'with what became of the violations');
SELECT pg_temp.deliver('21:10');

-- Reopened, never silently.
SELECT pg_temp.ghost('7', 'warn', 'none', '21:35');
SELECT is(pg_temp.run('21:37'), true, 'a violation within reopen_within is news');
SELECT is(pg_temp.messages(), '{opened,escalated,repeated,resolved,reopened}', 'as the same incident');
SELECT is(
    ((pg_temp.alert()).reopened_count, (pg_temp.alert()).severity, (pg_temp.alert()).acknowledged_by)::text,
    (1, 'warn'::text, NULL::text)::text,
    'counted, with the severity it has now, to be acknowledged anew'
);
SELECT pg_temp.heal('21:38');
SELECT pg_temp.run('21:38');
SELECT pg_temp.run('21:43');
SELECT pg_temp.deliver('21:45');

-- What comes back later is another incident.
SELECT pg_temp.ghost('8', 'error', 'none', '22:05');
SELECT pg_temp.run('22:13:01');
SELECT is(
    (SELECT array_agg(a.state ORDER BY a.alert_id) FROM ghostwatch.alert AS a),
    '{resolved,firing}',
    'what comes back after reopen_within is a new incident'
);
SELECT is((pg_temp.alert()).escalated_at, (pg_temp.alert()).opened_at, 'one that opens as an error is escalated from the start');
SELECT ghostwatch.acknowledge((pg_temp.alert()).alert_id, 'anna');

SELECT results_eq(
    $$SELECT count(*) FROM ghostwatch.notification WHERE reason = 'updated'$$,
    $$VALUES (2::bigint)$$,
    'an incident of hours leaves no more edits than were in hand at once'
);

SELECT * FROM finish();
ROLLBACK;
