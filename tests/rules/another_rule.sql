BEGIN;
\ir ../alert/fixture.psql
SELECT plan(5);

-- A rule is two functions, named after it, and its place in the CHECK; nothing else knows the rules.
CREATE FUNCTION ghostwatch._any_result(invariant_id integer, as_of timestamptz) RETURNS ghostwatch._rule_result
LANGUAGE sql STABLE AS $$
    SELECT true, 'warn', 1, 0, '{}'::text[], '[]'::jsonb, jsonb_build_object('because', 'always'), interval '0', 'any'
$$;
CREATE FUNCTION ghostwatch._replay_any(rule ghostwatch.invariant, trials ghostwatch._trials, begin_at timestamptz, end_at timestamptz)
RETURNS SETOF ghostwatch._firing
LANGUAGE sql STABLE AS $$
    SELECT 'violations', 'warn', begin_at, begin_at + interval '1 hour', begin_at
$$;
SELECT throws_ok($$UPDATE ghostwatch.invariant SET rule = 'any'$$, '23514', NULL, 'a rule that is not in the CHECK is refused');

DO $allow$
BEGIN
    EXECUTE replace(pg_get_functiondef('ghostwatch._rule_problem'::regproc), $$IN ('auto'$$, $$IN ('any', 'auto'$$);
END
$allow$;
SELECT lives_ok($$UPDATE ghostwatch.invariant SET rule = 'any'$$, 'a rule that is in it is allowed');

SELECT pg_temp.run('12:00');
SELECT is(
    (SELECT ROW(a.rule, a.severity, a.evidence ->> 'because') FROM ghostwatch.alert AS a WHERE a.kind = 'violations'),
    ROW('any'::text, 'warn'::text, 'always'::text), 'a check asks it'
);
SELECT set_config('ghostwatch.clock', '2026-01-02 00:00+00', true);
SELECT results_eq(
    $$SELECT opened_at, resolved_at FROM ghostwatch.backtest('shop', 'first_order', '2026-01-01 10:00+00', '2026-01-02 00:00+00')$$,
    $$VALUES (timestamptz '2026-01-01 10:00+00', timestamptz '2026-01-01 11:05+00')$$, 'and so does a backtest'
);
UPDATE ghostwatch.invariant SET rule = 'threshold';
SELECT pg_temp.run('12:01');
SELECT pg_temp.run('12:06');
SELECT is((pg_temp.alert('violations')).state, 'resolved', 'another rule ends its alert');

SELECT * FROM finish();
ROLLBACK;
