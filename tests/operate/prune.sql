BEGIN;
SELECT plan(15);

CREATE TABLE public.account (id bigint PRIMARY KEY, created_at timestamptz NOT NULL);
CREATE TABLE public.greeting (account_id bigint NOT NULL);
SELECT ghostwatch.declare_contract('welcome', 'public.account');
SELECT ghostwatch.declare_invariant('welcome', 'greeting', 'public.greeting', 'account_id');

CREATE FUNCTION pg_temp.fill(as_of timestamptz) RETURNS void LANGUAGE sql AS $$
    -- Of each table one row long past its retention, and one that is young.
    INSERT INTO ghostwatch.check_run (started_at, finished_at, checks, failures, judged, opened, backlog)
    SELECT t.at, t.at, 1, 0, 0, 0, false FROM (VALUES (as_of - '8 days'::interval), (as_of - '6 days'::interval)) AS t (at);

    INSERT INTO ghostwatch.branch_minute (invariant_id, minute, branch_family, due, violations)
    SELECT i.invariant_id, t.at, 'none', 1, 0
    FROM ghostwatch.invariant AS i, (VALUES (as_of - '91 days'::interval), (as_of - '89 days'::interval)) AS t (at);

    INSERT INTO ghostwatch.violation (invariant_id, subject_key, born_at, branch_family, state, opened_at, closed_at)
    SELECT i.invariant_id, t.key, t.at, 'none', t.state, t.at, t.closed_at
    FROM ghostwatch.invariant AS i, (VALUES
        ('old', 'recovered', as_of - '91 days'::interval, as_of - '91 days'::interval),
        ('young', 'recovered', as_of - '91 days'::interval, as_of - '89 days'::interval),
        ('open', 'error', as_of - '91 days'::interval, NULL)
    ) AS t (key, state, at, closed_at);

    INSERT INTO ghostwatch.alert (alert_id, kind, invariant_id, state, severity, opened_at, resolved_at, changed_at)
    SELECT t.id, 'violations', i.invariant_id, t.state, 'warn', as_of - '2 years'::interval, t.resolved_at, as_of
    FROM ghostwatch.invariant AS i, (VALUES
        (1, 'resolved', as_of - '400 days'::interval), (2, 'resolved', as_of - '300 days'::interval), (3, 'firing', NULL)
    ) AS t (id, state, resolved_at);

    INSERT INTO ghostwatch.channel (channel_id, name, chat_id) VALUES (1, 'admins', -1);
    INSERT INTO ghostwatch.notification (notification_id, channel_id, alert_id, reason, state, created_at, next_attempt_at)
    SELECT t.id, 1, t.alert_id, 'opened', t.state, t.at, t.at
    FROM (VALUES
        (1, 2, 'sent', as_of - '31 days'::interval),
        (2, NULL, 'failed', as_of - '31 days'::interval),
        (3, 2, 'sent', as_of - '29 days'::interval),
        (4, NULL, 'pending', as_of - '31 days'::interval),
        (5, 3, 'sent', as_of - '31 days'::interval)
    ) AS t (id, alert_id, state, at);

    INSERT INTO ghostwatch.event (kind, subject_key, created_at, gathered_at)
    SELECT 'start', t.key, as_of - '2 days'::interval, t.at
    FROM (VALUES ('old', as_of - '25 hours'::interval), ('young', as_of - '23 hours'::interval), ('waiting', NULL)) AS t (key, at);

    INSERT INTO ghostwatch.silence (contract, starts_at, ends_at, created_by, comment)
    SELECT t.name, as_of - '2 years'::interval, t.ends_at, 'me', 'why'
    FROM (VALUES ('old', as_of - '400 days'::interval), ('young', as_of)) AS t (name, ends_at);

    INSERT INTO ghostwatch.sidecar (worker, version, started_at, seen_at, listening)
    SELECT t.name, '1', t.at, t.at, true
    FROM (VALUES ('old', as_of - '25 hours'::interval), ('young', as_of - '23 hours'::interval)) AS t (name, at);
$$;

SELECT pg_temp.fill('2026-01-01 12:00+00');
SELECT ghostwatch._prune('2026-01-01 12:00+00');

SELECT results_eq(
    $$ SELECT started_at FROM ghostwatch.check_run $$,
    $$ VALUES ('2025-12-26 12:00+00'::timestamptz) $$,
    'old check runs go'
);
SELECT is((SELECT count(*) FROM ghostwatch.branch_minute), 1::bigint, 'old minutes go');
SELECT bag_eq(
    $$ SELECT subject_key FROM ghostwatch.violation $$,
    $$ VALUES ('young'), ('open') $$,
    'old closed violations go, open ones stay'
);
SELECT bag_eq(
    $$ SELECT alert_id FROM ghostwatch.alert $$,
    $$ VALUES (2::bigint), (3::bigint) $$,
    'old resolved alerts go, firing ones stay'
);
SELECT bag_eq(
    $$ SELECT notification_id FROM ghostwatch.notification $$,
    $$ VALUES (3::bigint), (4::bigint), (5::bigint) $$,
    'old told notifications go; waiting ones, and those of firing alerts, stay'
);
SELECT bag_eq(
    $$ SELECT subject_key FROM ghostwatch.event $$,
    $$ VALUES ('young'), ('waiting') $$,
    'old gathered events go, waiting ones stay'
);
SELECT results_eq($$ SELECT contract FROM ghostwatch.silence $$, $$ VALUES ('young') $$, 'old silences go');
SELECT results_eq($$ SELECT worker FROM ghostwatch.sidecar $$, $$ VALUES ('young') $$, 'sidecars long gone go');

-- In batches, oldest or not, until nothing is left.
INSERT INTO ghostwatch.check_run (started_at, finished_at, checks, failures, judged, opened, backlog)
SELECT '2025-01-01', '2025-01-01', 1, 0, 0, 0, false FROM generate_series(1, 5);
SELECT ghostwatch.set_setting('batch_size', '3');
SELECT ghostwatch._prune('2026-01-01 12:00+00');
SELECT is((SELECT count(*) FROM ghostwatch.check_run), 3::bigint, 'one run removes no more than a batch');
SELECT ghostwatch._prune('2026-01-01 12:00+00');
SELECT is((SELECT count(*) FROM ghostwatch.check_run), 1::bigint, 'the next one goes on');

-- What a setting keeps longer, stays.
SELECT ghostwatch.set_setting('keep_check_runs', '2 years');
INSERT INTO ghostwatch.check_run (started_at, finished_at, checks, failures, judged, opened, backlog)
VALUES ('2025-01-01', '2025-01-01', 1, 0, 0, 0, false);
SELECT ghostwatch._prune('2026-01-01 12:00+00');
SELECT is((SELECT count(*) FROM ghostwatch.check_run), 2::bigint, 'retention follows its setting');

-- However often checks run.
SELECT ghostwatch.reset_setting('keep_check_runs');
SET LOCAL ghostwatch.clock = '2026-01-01 12:01:10+00';
SELECT ghostwatch._finish_run(ghostwatch._clock(), 1, 0, 0, 0, false);
SELECT is((SELECT count(*) FROM ghostwatch.check_run), 2::bigint, 'the first run of a minute prunes');
INSERT INTO ghostwatch.check_run (started_at, finished_at, checks, failures, judged, opened, backlog)
VALUES ('2025-01-01', '2025-01-01', 1, 0, 0, 0, false);
SET LOCAL ghostwatch.clock = '2026-01-01 12:01:20+00';
SELECT ghostwatch._finish_run(ghostwatch._clock(), 1, 0, 0, 0, false);
SELECT is((SELECT count(*) FROM ghostwatch.check_run), 3::bigint, 'later ones do not');

SET LOCAL ghostwatch.clock = '2027-01-01 12:00+00';
SELECT lives_ok($$ SELECT ghostwatch._prune('2027-01-01 12:00+00') $$, 'pruning again is no error');
SELECT is_empty($$ SELECT FROM ghostwatch.branch_minute $$, 'and a year later the rest of the minutes is gone');

SELECT * FROM finish();
ROLLBACK;
