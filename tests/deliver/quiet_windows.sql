BEGIN;
\ir ../alert/fixture.psql
SELECT plan(33);

CREATE FUNCTION pg_temp.quiet_until(at timestamptz) RETURNS timestamptz
LANGUAGE sql AS $$ SELECT ghostwatch._quiet_until(c, at) FROM ghostwatch.channel AS c WHERE c.name = 'admins' $$;
CREATE FUNCTION pg_temp.days(quiet_window text) RETURNS integer[]
LANGUAGE sql AS $$ SELECT array_agg(w.weekday ORDER BY w.weekday) FROM ghostwatch._quiet_windows(ARRAY[quiet_window]) AS w $$;

-- Refused
SELECT throws_ok(format('SELECT ghostwatch.add_channel(''admins'', -1001, quiet_windows => ARRAY[%L])', w), 'GW048', NULL, coalesce(w, 'NULL'))
FROM unnest(ARRAY[
    '', 'Sun', 'Sun 02:00', 'Sun 2:00 for 2 hours', 'Sun 24:00 for 2 hours', 'Sun 02:60 for 2 hours', 'Sunday 02:00 for 2 hours', 'Mon-Wed-Fri 02:00 for 2 hours',
    'Sun 02:00 for 0 hours', 'Sun 02:00 for -2 hours', 'Sun 02:00 for 2 months', 'Sun 02:00 for 8 days', 'Sun 02:00 for 2 hours and more', NULL
]) AS w;
SELECT throws_ok(
    $$SELECT ghostwatch.add_channel('admins', -1001, quiet_windows => array_fill('Sun 02:00 for 2 hours'::text, '{51}'))$$,
    'GW048', NULL, 'there are 50 at most'
);

-- Days
SELECT is(pg_temp.days('Sun 02:00 for 2 hours: backups'), '{7}', 'a day');
SELECT is(pg_temp.days('mon,WED 02:00 for 1 hour'), '{1,3}', 'days');
SELECT is(pg_temp.days('Mon-Fri 02:00 for 1 hour'), '{1,2,3,4,5}', 'from one day to another');
SELECT is(pg_temp.days('Sat-Mon,Wed 02:00 for 1 hour'), '{1,3,6,7}', 'over the end of the week');
SELECT is(pg_temp.days('daily 02:00 for 1 hour'), '{1,2,3,4,5,6,7}', 'every day');

-- When: 2026-01-04 is a Sunday, and in Berlin 02:00 is 01:00 UTC.
SELECT ghostwatch.add_channel('admins', -1001, quiet_windows => '{Sun 02:00 for 2 hours: backups,Thu 23:30 for 1 hour}', quiet_time_zone => 'Europe/Berlin');
SELECT is(pg_temp.quiet_until('2026-01-04 00:59:59+00'), NULL, 'before a window');
SELECT is(pg_temp.quiet_until('2026-01-04 01:00+00'), '2026-01-04 03:00+00', 'from its first moment');
SELECT is(pg_temp.quiet_until('2026-01-04 03:00+00'), NULL, 'to its last');
SELECT is(pg_temp.quiet_until('2026-01-05 01:30+00'), NULL, 'on no other day');
SELECT is(pg_temp.quiet_until('2026-01-01 23:15+00'), '2026-01-01 23:30+00', 'one may go over midnight, into a day that is not its own');
SELECT is(pg_temp.quiet_until('2026-03-29 00:59:59+00'), NULL, 'when the clocks go forward and 02:00 does not exist');
SELECT is(pg_temp.quiet_until('2026-03-29 01:00+00'), '2026-03-29 03:00+00', 'it begins at 03:00 and lasts as long');
SELECT ghostwatch.add_channel('admins', quiet_windows => '{Sat 12:00 for 7 days}');
SELECT is(pg_temp.quiet_until('2026-01-03 10:59+00'), '2026-01-03 11:00+00', 'one may last a week');
SELECT ghostwatch.add_channel('admins', quiet_from => '01:00', quiet_until => '03:00', quiet_windows => '{Sun 02:00 for 2 hours}');
SELECT is(pg_temp.quiet_until('2026-01-04 01:30+00'), '2026-01-04 03:00+00', 'of quiet hours and windows the later end counts');

-- What opens within
SELECT ghostwatch.add_channel('admins', quiet_windows => '{Thu 13:00 for 2 hours}', reset => '{quiet_from,quiet_until}');
SELECT pg_temp.ghost('1', 'warn', 'none', '11:58');
SELECT pg_temp.run('12:00');
SELECT results_eq(
    $$SELECT n.reason, n.state, n.next_attempt_at FROM ghostwatch.notification AS n ORDER BY n.reason$$,
    $$VALUES ('digest', 'pending', '2026-01-01 14:00+00'::timestamptz), ('opened', 'suppressed', '2026-01-01 12:00+00'::timestamptz)$$,
    'a warning waits for the digest at the end of the window'
);
SELECT is(
    (SELECT w.cause FROM ghostwatch.why((pg_temp.alert()).alert_id) AS w WHERE w.step = 'message'),
    'quiet_hours',
    'why() says so'
);
SELECT ok(
    EXISTS (SELECT FROM ghostwatch.doctor() AS d WHERE d.finding LIKE '%warnings of Thu 13:00 for 2 hours (Europe/Berlin) in one digest.'),
    'and the doctor names the window'
);
SELECT pg_temp.ghost('1', 'error', 'none', '11:58');
SELECT pg_temp.run('12:04');
SELECT is(pg_temp.messages('{pending}'), '{digest,escalated}', 'an error is sent at once');

SELECT * FROM finish();
ROLLBACK;
