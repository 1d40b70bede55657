BEGIN;
SELECT plan(77);

CREATE TABLE public.account (id bigint PRIMARY KEY, created_at timestamptz NOT NULL, trial boolean NOT NULL DEFAULT false);
CREATE TABLE public.greeting (account_id bigint NOT NULL);
CREATE TABLE public.visit (account_id bigint NOT NULL);
CREATE TABLE public.guest (id bigint PRIMARY KEY, created_at timestamp);
SELECT ghostwatch.declare_contract('local', 'public.guest', time_zone => 'America/Sao_Paulo');
SELECT ghostwatch.declare_invariant('local', 'itself', 'public.guest', 'id', error_after => '0', missing_label => 'itself');
SELECT ghostwatch.declare_contract('welcome', 'public.account', exempt_predicate => 's.trial');
SELECT ghostwatch.declare_contract('empty', 'public.account');
SELECT ghostwatch.declare_invariant('welcome', 'greeting', 'public.greeting', 'account_id', error_after => '0', missing_label => 'a greeting');
SELECT ghostwatch.declare_invariant('welcome', 'first_visit', 'public.visit', 'account_id', error_after => '5 minutes', missing_label => 'a visit');

SELECT ghostwatch.declare_contract('due', 'public.account', born_at_expression => 's.created_at');
SELECT ghostwatch.declare_invariant('due', 'greeting', 'public.greeting', 'account_id', error_after => '0', missing_label => 'a greeting');

SET LOCAL ghostwatch.clock = '2026-01-01 12:00+00';
INSERT INTO public.account VALUES
    (1, '2026-01-01 12:00+00', false), (2, '2026-01-01 12:00+00', false), (3, '2026-01-01 11:55+00', false),
    (4, '2026-01-01 11:00+00', true), (5, '2026-01-01 11:00+00', true), (6, '2026-01-01 12:00+00', true);
INSERT INTO public.account VALUES (8, '2026-01-01 15:00+00', false);
INSERT INTO public.greeting VALUES (1), (3), (5), (6), (8);
INSERT INTO public.visit VALUES (5), (8);

INSERT INTO public.guest VALUES (1, '2026-01-01 12:00'), (2, '2026-01-01 09:00:05'), (3, NULL);

-- Each gives pass or fail, a description, and diagnostics.
SELECT * FROM check_test(
    ghostwatch.contract_holds('welcome', '5'), true, 'a subject with everything, exempt or not', 'contract welcome holds for 5', ''
);
SELECT * FROM check_test(
    ghostwatch.contract_holds('welcome', '2', 'greeted', clauses => ARRAY['greeting']), false, 'one without', 'greeted',
    'greeting: Broken: does not have a greeting; it was due by 2026-01-01 12:00:00 UTC.'
);
SELECT * FROM check_test(
    ghostwatch.contract_holds('welcome', '3'), false, 'one whose deadline has come', NULL,
    'first_visit: Broken: does not have a visit; it was due by 2026-01-01 12:00:00 UTC.'
);
SELECT * FROM check_test(
    ghostwatch.contract_holds('welcome', '4'), false, 'an exempt one without its rows proves nothing', NULL,
    E'greeting: Does not have a greeting, and need not: this one is exempt from the contract.'
    '\nfirst_visit: Does not have a visit, and need not: this one is exempt from the contract.'
);
SELECT * FROM check_test(
    ghostwatch.contract_holds('welcome', '7'), false, 'a subject that is not there', NULL, 'public.account has no row with the key ''7''.'
);
SELECT * FROM check_test(
    ghostwatch.contract_holds('empty', '1'), false, 'a contract without clauses', NULL, 'The contract has no clause, so nothing was proved.'
);

-- A test waits for no deadline: unless told otherwise, a clause counts as if it were due.
SELECT * FROM check_test(
    ghostwatch.contract_holds('welcome', '1'), false, 'a clause that is not due yet', NULL,
    'first_visit: Does not have a visit yet; it is due by 2026-01-01 12:05:00 UTC. A test counts it as if it were due; leave_out names what a test is not about.'
);
SELECT * FROM check_test(
    ghostwatch.contract_holds('welcome', '1', leave_out => ARRAY['first_visit']), true, 'the same without that clause', NULL, ''
);
SELECT * FROM check_test(
    ghostwatch.contract_holds('welcome', '1', as_of => '0'), true, 'what is not due yet is reported', NULL,
    'first_visit: Not judged. Does not have a visit yet; it is due by 2026-01-01 12:05:00 UTC.'
);
SELECT * FROM check_test(
    ghostwatch.contract_holds('welcome', '6', as_of => '0'), true, 'an exempt one that has what is due'
);
SELECT * FROM check_test(
    ghostwatch.contract_holds('welcome', '1', as_of => '4 minutes 59.999999 seconds'), true, 'shortly before the deadline'
);
SELECT * FROM check_test(
    ghostwatch.contract_holds('welcome', '1', as_of => '5 minutes'), false, 'at the deadline', NULL,
    'first_visit: Does not have a visit yet; it is due by 2026-01-01 12:05:00 UTC.'
);

-- A test that proves nothing fails.
SELECT * FROM check_test(
    ghostwatch.contract_holds('welcome', '1', as_of => '0', clauses => ARRAY['first_visit']), false, 'only a clause that cannot be judged yet', NULL,
    E'first_visit: Not judged. Does not have a visit yet; it is due by 2026-01-01 12:05:00 UTC.\nNo clause was judged, so nothing was proved.'
);
SELECT * FROM check_test(
    ghostwatch.contract_holds('welcome', '5', clauses => '{}'), false, 'no clause at all', NULL, 'No clause was judged, so nothing was proved.'
);
SELECT * FROM check_test(
    ghostwatch.contract_holds('welcome', '5', clauses => ARRAY['greeting'], leave_out => ARRAY['greeting']), false, 'a clause taken and left out', NULL,
    'No clause was judged, so nothing was proved.'
);

-- A birth that no check run reaches in time fails, whatever rows there are.
SELECT * FROM check_test(
    ghostwatch.contract_holds('welcome', '8'), false, 'a birth in the future', NULL,
    'Born in the future: public.account.created_at is 2026-01-01 15:00:00 UTC, while the clock of the database says 2026-01-01 12:00:00 UTC. '
    'No check run judges it before then. The application writes local time without its zone, or its clock is wrong.'
);
SELECT * FROM check_test(
    ghostwatch.contract_holds('welcome', '8', as_of => '0'), false, 'whatever is asked', NULL,
    'Born in the future: public.account.created_at is 2026-01-01 15:00:00 UTC, while the clock of the database says 2026-01-01 12:00:00 UTC. '
    'No check run judges it before then. The application writes local time without its zone, or its clock is wrong.'
);
SELECT * FROM check_test(
    ghostwatch.contract_holds('local', '1'), false, 'one read in another zone than it was written in', NULL,
    'Born in the future: public.guest.created_at is 2026-01-01 15:00:00 UTC, read in the time zone America/Sao_Paulo, while the clock of the database says '
    '2026-01-01 12:00:00 UTC. No check run judges it before then. The zone or the clock of the application is wrong: '
    'SELECT ghostwatch.declare_contract(''local'', time_zone => ''...'');'
);
SELECT * FROM check_test(
    ghostwatch.contract_holds('local', '2'), true, 'a clock that is fast by what clocks differ', NULL, ''
);
SELECT * FROM check_test(
    ghostwatch.contract_holds('due', '8', as_of => '3 hours'), true, 'deadlines that count from a moment to come, as of that moment', NULL, ''
);
SELECT * FROM check_test(
    ghostwatch.contract_holds('due', '8'), false, 'and before it', NULL,
    'Born in the future: s.created_at is 2026-01-01 15:00:00 UTC, while the clock of the database says 2026-01-01 12:00:00 UTC. '
    'No check run judges it before then. Where that is meant, as_of names a moment after it.'
);
SELECT * FROM check_test(
    ghostwatch.contract_holds('local', '3'), false, 'no birth at all', NULL, 'It has no time of birth, so no check run ever judges it.'
);

SELECT * FROM check_test(
    ghostwatch.clause_holds('welcome', 'greeting', '1'), true, 'a clause that holds', 'greeting of contract welcome holds for 1', ''
);
SELECT * FROM check_test(
    ghostwatch.clause_holds('welcome', 'first_visit', '1', 'visited'), false, 'a clause that is not due yet', 'visited',
    'first_visit: Does not have a visit yet; it is due by 2026-01-01 12:05:00 UTC.'
);
SELECT * FROM check_test(
    ghostwatch.clause_holds('welcome', 'greeting', '7'), false, 'a clause without a subject', NULL, 'public.account has no row with the key ''7''.'
);

SELECT * FROM check_test(
    ghostwatch.contract_exempts('welcome', '4'), true, 'an exempt subject', 'contract welcome exempts 4', ''
);
SELECT * FROM check_test(
    ghostwatch.contract_exempts('welcome', '3', 'trial'), false, 'a subject that is judged', 'trial',
    'first_visit: Broken: does not have a visit; it was due by 2026-01-01 12:00:00 UTC.'
);
SELECT * FROM check_test(
    ghostwatch.contract_exempts('welcome', '5'), false, 'a complete subject', NULL,
    'Nothing is missing, so nothing shows whether it is exempt.'
);
SELECT * FROM check_test(
    ghostwatch.contract_exempts('welcome', '7'), false, 'no subject', NULL, 'public.account has no row with the key ''7''.'
);

SELECT results_eq(
    'SELECT p.* FROM ghostwatch.prove(''welcome'', 3, leave_out => ''{greeting}'') AS p',
    'SELECT p.* FROM ghostwatch.prove(''welcome'', ''3'', leave_out => ''{greeting}'') AS p',
    'a key may be given as a number'
);
SELECT * FROM check_test(ghostwatch.contract_holds('welcome', 5), true, 'a number for a contract', 'contract welcome holds for 5', '');
SELECT * FROM check_test(
    ghostwatch.clause_holds('welcome', 'greeting', 5), true, 'a number for a clause', 'greeting of contract welcome holds for 5', ''
);
SELECT * FROM check_test(
    ghostwatch.contract_exempts('welcome', 4), true, 'a number of an exempt subject', 'contract welcome exempts 4', ''
);

SELECT throws_ok($$ SELECT ghostwatch.contract_holds('farewell', '1') $$, 'GW001', NULL, 'an unknown contract');
SELECT throws_ok($$ SELECT ghostwatch.clause_holds('welcome', 'gift', '1') $$, 'GW007', NULL, 'an unknown invariant');
SELECT throws_ok($$ SELECT ghostwatch.contract_holds('welcome', '5', leave_out => '{gift}') $$, 'GW007', NULL, 'an unknown clause left out');
SELECT throws_ok($$ SELECT ghostwatch.contract_holds('welcome', '5', clauses => '{NULL}') $$, 'GW007', NULL, 'a clause without a name');

CREATE FUNCTION pg_temp.without_pgtap() RETURNS text LANGUAGE sql
SET search_path = pg_catalog
AS $$ SELECT ghostwatch.contract_holds('welcome', '1') $$;
SELECT throws_ok('SELECT pg_temp.without_pgtap()', 'GW078', 'pgTAP is not on the search path', 'without pgTAP it says so');

SELECT * FROM finish();
ROLLBACK;
