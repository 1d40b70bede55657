BEGIN;
\ir fixture.psql
SELECT plan(12);
SELECT ghostwatch.add_channel('admins', -1001);
UPDATE ghostwatch.contract SET owner = current_user::regrole;

CREATE FUNCTION pg_temp.mark() RETURNS text LANGUAGE sql AS $$
    SELECT format('%s after %s', (m ->> 'after')::numeric::integer, m ->> 'label')
    FROM ghostwatch.alert AS a, ghostwatch._message_facts(a.alert_id) AS f, nullif(f -> 'mark', 'null') AS m
$$;
CREATE FUNCTION pg_temp.at(at text) RETURNS text LANGUAGE sql AS $$
    SELECT set_config('ghostwatch.clock', '2026-01-01 ' || at || '+00', true)
$$;

SELECT pg_temp.at('10:00');
SELECT throws_ok($$ SELECT ghostwatch.mark(' ') $$, 'GW080', 'a deploy marker needs a label', 'a marker says what was released');
SELECT throws_ok($$ SELECT ghostwatch.mark(NULL) $$, 'GW080', NULL, 'whatever is given');
SELECT is(ghostwatch.mark(E'release\n212'), '2026-01-01 10:00+00', 'a marker has the present time');
SELECT ghostwatch.mark(repeat('x', 10000));
SELECT results_eq(
    'SELECT left(label, 12), length(label) FROM ghostwatch.mark ORDER BY mark_id',
    $$ VALUES ('release 212', 11), ('xxxxxxxxxxxx', 100) $$,
    'and one line of bounded length'
);

SELECT pg_temp.ghost('1', 'error', 'none', '11:50');
SELECT pg_temp.run('12:00');
SELECT is(pg_temp.mark(), ' after ', 'what was released hours before an alert is no cause of it');

SELECT pg_temp.at('11:01');
SELECT ghostwatch.mark('release 213');
SELECT pg_temp.at('11:48');
SELECT ghostwatch.mark('release 214');
SELECT pg_temp.at('12:01');
SELECT ghostwatch.mark('release 215');
SELECT is(pg_temp.mark(), '720 after release 214', 'the last one before it is shown');

-- The rule drift finds a change later than it was.
UPDATE ghostwatch.alert SET evidence = '{"since": "2026-01-01 11:31+00"}';
SELECT is(pg_temp.mark(), '1800 after release 213', 'before the change, where the rule says when that was');
UPDATE ghostwatch.alert SET evidence = '{}', reopened_at = '2026-01-01 12:06+00';
SELECT is(pg_temp.mark(), '300 after release 215', 'before it came back, where it did');

-- Whose it is.
CREATE ROLE mark_of_others;
UPDATE ghostwatch.mark SET owner = 'mark_of_others';
SELECT is(pg_temp.mark(), ' after ', 'markers of a role that has no part in the contract are not shown');
UPDATE ghostwatch.alert SET kind = 'checks_stopped', contract = NULL, invariant_id = NULL;
SELECT is(pg_temp.mark(), '300 after release 215', 'except where the checks have stopped, which concerns everybody');

-- Bounded.
SELECT count(ghostwatch.mark('release ' || n)) FROM generate_series(1, 1005) AS n;
SELECT is((SELECT count(*) FROM ghostwatch.mark WHERE owner = current_user::regrole), 1000::bigint, 'of each role a thousand markers are kept');
SELECT set_config('ghostwatch.clock', '2028-01-01 00:00+00', true);
SELECT ghostwatch._prune('2028-01-01');
SELECT is((SELECT count(*) FROM ghostwatch.mark), 0::bigint, 'and they are removed like alerts');

SELECT * FROM finish();
ROLLBACK;
