BEGIN;
SELECT plan(15);

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

SELECT is(round(ghostwatch._tolerance(0.09)::numeric, 3), 0.115, 'usually 9 %: no evidence below 11.5 %');
SELECT is(round(ghostwatch._lossy_rate(0.09, 0.5)::numeric, 3), 0.545, 'usually 9 %, and half of the others lost: 54.5 %');
SELECT is(
    (SELECT array_agg(ghostwatch._loss_severity(loss)) FROM unnest(ghostwatch._alternative_losses()) AS loss),
    '{warn,warn,warn,error,error}',
    'a third lost is an outage'
);
SELECT is(round(ghostwatch._after_healthy(7, 0.5, 3)::numeric, 12), 1.75, '7, 4, 2.5, 1.75');
SELECT is(
    ghostwatch._new_detector(1, 'kitchen')::text, '(1,kitchen,0,"{0,0,0,0,0}","{0,0,0,0,0}","{NULL,NULL,NULL,NULL,NULL}",,,,,0,)',
    'a new detector has seen nothing'
);

SELECT * FROM finish();
ROLLBACK;
