BEGIN;
SELECT plan(4);

SELECT ok(
    ghostwatch._clock() BETWEEN now() AND clock_timestamp(),
    'without a setting the clock is the server''s'
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

SELECT ghostwatch.disable_test_clock();
SET LOCAL ghostwatch.clock = '2026-01-01 12:00+00';
SELECT ok(
    ghostwatch._clock() > '2026-01-01 12:00+00',
    'without a test clock no session sets the time'
);

SELECT * FROM finish();
ROLLBACK;
