BEGIN;
\ir ../alert/fixture.psql
SELECT plan(12);
SET LOCAL timezone = 'UTC';

CREATE FUNCTION pg_temp.sums() RETURNS text
LANGUAGE sql AS $$
    -- family@start=violations/due, by step.
    SELECT coalesce(string_agg(format('%s@%s=%s/%s', b.branch_family, to_char(b.starts_at, 'DD HH24'), b.violations, b.due), ' '
        ORDER BY b.step DESC, b.branch_family, b.starts_at), '')
    FROM ghostwatch.branch_sum AS b
$$;

INSERT INTO ghostwatch.branch_minute VALUES
    (pg_temp.invariant_id(), '2026-01-01 10:58+00', 'kitchen', 4, 2),
    (pg_temp.invariant_id(), '2026-01-01 11:01+00', 'kitchen', 1, 1),
    (pg_temp.invariant_id(), '2026-01-01 11:02+00', 'none', 3, 0);
SELECT is(
    pg_temp.sums(),
    '@01 10=2/4 @01 11=1/4 kitchen@01 10=2/4 kitchen@01 11=1/1 none@01 11=0/3 @01 00=3/8 kitchen@01 00=3/5 none@01 00=0/3',
    'minutes are summed up per hour and day, each family and all together'
);

INSERT INTO ghostwatch.branch_minute AS m VALUES
    (pg_temp.invariant_id(), '2026-01-01 11:02+00', 'none', 2, 1),
    (pg_temp.invariant_id(), '2026-01-02 00:00+00', 'none', 1, 0)
ON CONFLICT (invariant_id, minute, branch_family) DO UPDATE SET due = m.due + excluded.due, violations = m.violations + excluded.violations;
SELECT is(
    pg_temp.sums(),
    '@01 10=2/4 @01 11=2/6 @02 00=0/1 kitchen@01 10=2/4 kitchen@01 11=1/1 none@01 11=1/5 none@02 00=0/1'
    ' @01 00=4/10 @02 00=0/1 kitchen@01 00=3/5 none@01 00=1/5 none@02 00=0/1',
    'a minute that is counted again changes the sums by the difference'
);

DELETE FROM ghostwatch.branch_minute WHERE minute < '2026-01-01 11:02+00';
SELECT is(
    pg_temp.sums(),
    '@01 11=1/5 @02 00=0/1 none@01 11=1/5 none@02 00=0/1 @01 00=1/5 @02 00=0/1 none@01 00=1/5 none@02 00=0/1',
    'minutes that are pruned leave the sums, and a sum of nothing goes'
);

CREATE TEMPORARY TABLE bait (invariant_id integer, minute timestamptz, branch_family text, due integer, violations integer);
CREATE TRIGGER bait AFTER INSERT ON bait REFERENCING NEW TABLE AS new_minutes
FOR EACH STATEMENT EXECUTE FUNCTION ghostwatch._sum_branches();
INSERT INTO bait VALUES (pg_temp.invariant_id(), '2026-01-01 11:00+00', 'bait', 1, 1);
SELECT is((SELECT count(*) FROM ghostwatch.branch_sum WHERE branch_family = 'bait'), 0::bigint, 'a trigger on another table writes no sum');

-- What the page asks.
DELETE FROM ghostwatch.branch_minute;
INSERT INTO ghostwatch.branch_minute VALUES
    (pg_temp.invariant_id(), '2025-12-31 23:30+00', 'none', 10, 1),
    (pg_temp.invariant_id(), '2026-01-01 11:20+00', 'none', 5, 0),
    (pg_temp.invariant_id(), '2026-01-01 11:40+00', 'none', 5, 1),
    (pg_temp.invariant_id(), '2026-01-01 11:40+00', 'kitchen', 5, 5),
    (pg_temp.invariant_id(), '2026-01-01 11:50+00', 'wrapped', 5, 0);
SET LOCAL ghostwatch.clock = '2026-01-01 12:00+00';
INSERT INTO ghostwatch.alert (kind, invariant_id, contract, invariant, state, severity, opened_at, resolved_at, changed_at)
VALUES ('violations', pg_temp.invariant_id(), 'shop', 'first_order', 'resolved', 'error', '2025-12-31 23:50+00', '2026-01-01 00:10+00', '2026-01-01 00:10+00');

SELECT results_eq(
    $$ SELECT day, due, violations, warnings, errors FROM ghostwatch.page_days('UTC', 3) $$,
    $$ VALUES
        ('2025-12-30'::date, 0::bigint, 0::bigint, 0::bigint, 0::bigint),
        ('2025-12-31', 10, 1, 0, 1),
        ('2026-01-01', 20, 6, 0, 1) $$,
    'every day has its counts, and the alerts that fired in it'
);
SELECT results_eq(
    $$ SELECT day, due FROM ghostwatch.page_days('Europe/Moscow', 1) $$,
    $$ VALUES ('2026-01-01'::date, 30::bigint) $$,
    'a day is one of the time zone that is asked for'
);
SELECT results_eq(
    $$ SELECT to_char(starts_at, 'HH24:MI'), due, violations FROM ghostwatch.page_rates('shop', 'first_order', '2026-01-01 11:00+00', '30 minutes') $$,
    $$ VALUES ('11:00', 5::bigint, 0::bigint), ('11:30', 15, 6) $$,
    'steps below an hour come from the minutes'
);
SELECT results_eq(
    $$ SELECT to_char(starts_at, 'DD HH24:MI'), due, violations FROM ghostwatch.page_rates('shop', 'first_order', '2025-12-31 00:00+00', '1 day') $$,
    $$ VALUES ('31 00:00', 10::bigint, 1::bigint), ('01 00:00', 20, 6) $$,
    'and longer ones from the sums'
);
SELECT results_eq(
    $$ SELECT branch_family, due, violations FROM ghostwatch.page_branches('shop', 'first_order', '2026-01-01 08:00+00', '4 hours', 1) $$,
    $$ VALUES ('kitchen', 5::bigint, 5::bigint) $$,
    'the family that stands out comes first, and no more come than were asked for'
);
SELECT results_eq(
    $$ SELECT branch_family, due, violations FROM ghostwatch.page_branches('shop', 'first_order', '2026-01-01 11:45+00', '5 minutes') $$,
    $$ VALUES ('wrapped', 5::bigint, 0::bigint) $$,
    'families have short steps too'
);
SELECT throws_ok($$ SELECT * FROM ghostwatch.page_rates('shop', 'no', now()) $$, 'GW007', NULL, 'only an invariant that exists has rates');
SELECT throws_ok($$ SELECT * FROM ghostwatch.page_branches('no', 'no', now()) $$, 'GW001', NULL, 'and only a contract that exists');

SELECT * FROM finish();
ROLLBACK;
