BEGIN;
SELECT plan(3);

SELECT ok(
    ghostwatch._clock() BETWEEN now() AND clock_timestamp(),
    'without a setting the clock is the machine''s'
);

SET LOCAL ghostwatch.clock = '2026-01-01 12:00+00';
SELECT is(
    ghostwatch._clock(),
    '2026-01-01 12:00+00'::timestamptz,
    'a set clock stands still'
);

SET LOCAL ghostwatch.clock = '';
SELECT ok(
    ghostwatch._clock() > '2026-01-01 12:00+00',
    'an emptied setting lets the clock run again'
);

SELECT * FROM finish();
ROLLBACK;
