BEGIN;
SELECT plan(16);

-- Figures worked out by hand, or known from tables.
SELECT is(round(ghostwatch._wilson_upper(9, 100)::numeric, 4), 0.1336, 'nine of a hundred may well be 13 %');
SELECT is(round(ghostwatch._wilson_upper(0, 100)::numeric, 4), 0.0162, 'none of a hundred may be 1.6 %');
SELECT is(ghostwatch._wilson_upper(0, 0), 1::double precision, 'nothing counted allows any rate');

SELECT is(round(ghostwatch._log_gamma(11)::numeric, 12), round(ln(3628800)::numeric, 12), 'gamma(11) is ten factorial');

SELECT is(ghostwatch._beta_binomial_upper(0, 10, 1, 1), 1::double precision, 'none or more is certain');
SELECT is(round(ghostwatch._beta_binomial_upper(8, 10, 1, 1)::numeric, 12), round(3 / 11.0, 12),
    'under a uniform prior every count is as likely');
SELECT is(ghostwatch._beta_binomial_upper(100000, 100000, 1, 1e6), 0::double precision, 'what no double can hold is nothing');
SELECT is(ghostwatch._beta_binomial_upper(1, 100000, 1e6, 1), 1::double precision, 'and its complement is certain');

SELECT is(ghostwatch._holm('{0.04, 0.01, 0.03}'), '{0.06, 0.03, 0.06}', 'Holm, in the order given');
SELECT is(ghostwatch._holm('{}'), '{}', 'nothing to correct');

SELECT is(round((ghostwatch._cusum_weights(0.09, 0.24)).tolerance::numeric, 3), 0.155, 'usually 9 %: quiet below 15.5 %');
SELECT is(
    ARRAY[
        ghostwatch._alternative_rate('slow', 0.09, 0.8, 0), ghostwatch._alternative_rate('slow', 0.3, 0.8, 0),
        ghostwatch._alternative_rate('outage', 0.09, 0.8, 0), ghostwatch._alternative_rate('outage', 0.3, 0.8, 0),
        ghostwatch._alternative_rate('branch', 0.09, 0.7, 0)
    ],
    '{0.24, 0.6, 0.8, 0.9, 0.7}',
    'what each detector looks for'
);
SELECT is(
    round((ghostwatch._cusum_weights(0.09, ghostwatch._alternative_rate('slow', 0.09, 0.8, 0.2))).tolerance::numeric, 6),
    0.2,
    'a detector that must stay quiet up to 20 % does'
);
SELECT is(round(ghostwatch._alarm_threshold(3, 2, 480, 90)::numeric, 1), 12.5, 'three streams, 20 signups an hour, one false alarm in 90 days');
SELECT is(
    ghostwatch._alarm_threshold(1, 1, 0, 90), ghostwatch._alarm_threshold(1, 1, 24, 90),
    'no traffic counts as one signup an hour'
);

SELECT is(
    (SELECT array_agg(c::text) FROM (
        SELECT ghostwatch._cusum('{t,f,f,f,t}', 1, -0.5, 0, 9) AS c
        UNION ALL SELECT ghostwatch._cusum('{t,t,t,f}', 1, -0.5, 0.25, 2.25)
        UNION ALL SELECT ghostwatch._cusum('{}', 1, -0.5, 2, 9)
    ) AS batch),
    '{"(1,4,)","(2.25,,2)","(2,,)"}',
    'S, where it last was 0, and where it reached the threshold'
);

SELECT * FROM finish();
ROLLBACK;
