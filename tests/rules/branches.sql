BEGIN;
\ir fixture.psql
SELECT plan(15);

-- Attribution, by itself.
SELECT results_eq(
    $$SELECT branch_family, round(excess::numeric, 2), p < 0.001, named
      FROM ghostwatch._attribute('{kitchen,none,share}', '{36,80,26}', '{36,6,2}', 0.09)$$,
    $$VALUES ('kitchen', 32.76, true, true), ('share', -0.34, false, false), ('none', -1.20, false, false)$$,
    'the branch that leaks is named, and no other'
);
SELECT is(
    (SELECT bool_or(a.named) FROM ghostwatch._attribute('{kitchen,none,share}', '{20,80,26}', '{10,40,13}', 0.09) AS a),
    false,
    'where all are equally bad, none is'
);
SELECT results_eq(
    $$SELECT branch_family, p IS NULL, named FROM ghostwatch._attribute('{kitchen,none}', '{4,80}', '{4,6}', 0.09)$$,
    $$VALUES ('kitchen', true, false), ('none', true, false)$$,
    'four subjects say nothing about a branch'
);
SELECT results_eq(
    $$SELECT branch_family, p < 0.001, named FROM ghostwatch._attribute('{big,small,usual}', '{1000,9,1000}', '{500,9,90}', 0.09)$$,
    $$VALUES ('big', true, true), ('small', true, false), ('usual', false, false)$$,
    'significant, but with hardly a share in the excess: not named'
);
SELECT is(
    (SELECT a.named FROM ghostwatch._attribute('{none}', '{20}', '{20}', 0.09) AS a), false,
    'where there is one branch there is nothing to compare it with'
);

-- Broken since its first day.
DO $$
BEGIN
    WHILE (pg_temp.alert()).state IS NULL LOOP
        PERFORM pg_temp.judge('fffff');
        PERFORM pg_temp.judge('tfffff', 'share');
        PERFORM pg_temp.judge('t', 'kitchen');
    END LOOP;
END
$$;
SELECT is(
    (SELECT a.trials_seen FROM ghostwatch.drift_detector AS a WHERE a.branch_family = 'kitchen'), 6::bigint,
    'a branch that never worked is an alert after six trials'
);
SELECT is(
    ((pg_temp.alert()).evidence ->> 'family', ((pg_temp.alert()).evidence ->> 'rate')::double precision),
    ('kitchen'::text, 1::double precision),
    'the rate is that of the branch'
);
SELECT is((pg_temp.alert()).branches @> '[{"family": "kitchen", "named": true}]', true, 'and is named');
SELECT is((pg_temp.alert()).evidence ->> 'expected_rate', '0.1', 'the evidence says that the declared rate stood in for history');

-- Its own bad history excuses a branch only so far.
SELECT results_eq(
    $$SELECT f.branch_family, round(f.baseline_rate::numeric, 2)
      FROM unnest((ghostwatch._baseline(
          (SELECT i FROM ghostwatch.invariant AS i),
          ARRAY[
              ROW('2026-01-01 00:00+00', 'ad', 10000, 10000, 3000), ROW('2026-01-01 00:00+00', 'kitchen', 10000, 10000, 10000),
              ROW('2026-01-01 00:00+00', 'none', 1000000, 1000000, 90000)
          ]::ghostwatch._hour_count[],
          '2026-01-01', '2026-01-02'
      )).families) AS f$$,
    $$VALUES ('ad', 0.30), ('kitchen', 0.40), ('none', 0.65)$$,
    'a branch that is usually worse may be, up to half the ceiling, and never better than the others'
);
SELECT is(
    (SELECT bool_and(ghostwatch._tolerance(least(0.75 * b.branch_ceiling, ghostwatch._usual_rate(b, f.branch_family))) < b.branch_ceiling)
     FROM ghostwatch._baseline(
         (SELECT i FROM ghostwatch.invariant AS i),
         ARRAY[ROW('2026-01-01 00:00+00', 'kitchen', 10000, 10000, 10000), ROW('2026-01-01 00:00+00', 'none', 10000, 10000, 900)]::ghostwatch._hour_count[],
         '2026-01-01', '2026-01-02'
     ) AS b
     CROSS JOIN unnest(b.families) AS f),
    true,
    'so that a branch at the ceiling is always found'
);
SELECT is(
    round((ghostwatch._baseline(
        (SELECT i FROM ghostwatch.invariant AS i),
        (SELECT array_agg(ROW('2026-01-01 00:00+00'::timestamptz + hour * interval '1 hour', 'none', 100000, 100000, 6000 + 6000 * (hour % 2))::ghostwatch._hour_count)
         FROM generate_series(0, 47) AS hour),
        '2026-01-01', '2026-01-03'
    )).hour_deviation::numeric, 3),
    0.030,
    'the deviation between hours is found'
);
SELECT is(
    (ghostwatch._baseline(
        (SELECT i FROM ghostwatch.invariant AS i),
        (SELECT array_agg(ROW('2026-01-01 00:00+00'::timestamptz + hour * interval '1 hour', 'none', 20, 20, 1 + hour % 3)::ghostwatch._hour_count)
         FROM generate_series(0, 47) AS hour),
        '2026-01-01', '2026-01-03'
    )).hour_deviation,
    0::double precision,
    'but not where chance explains it'
);

-- How long a silence may last.
SELECT is(
    ghostwatch._longest_gap(array_fill(20::double precision, '{24}'), '2026-01-01 12:50+00', ln(480 * 90)),
    ln(480 * 90) / 20 * interval '1 hour',
    'with 20 an hour, half an hour'
);
SELECT is(
    ghostwatch._longest_gap(array_fill(1::double precision, '{6}') || array_fill(100::double precision, '{18}'), '2026-01-01 23:55+00', 10),
    interval '5 minutes' + (10 - 100 / 12.0)  * interval '1 hour',
    'an hour of the day with few signups allows a longer gap'
);

SELECT * FROM finish();
ROLLBACK;
