BEGIN;
SELECT plan(35);

CREATE TABLE public.account (id bigint PRIMARY KEY, created_at timestamptz NOT NULL, trial boolean NOT NULL DEFAULT false);
CREATE TABLE public.greeting (account_id bigint NOT NULL);
CREATE TABLE public.visit (account_id bigint NOT NULL);
SELECT ghostwatch.declare_contract('welcome', 'public.account', exempt_predicate => 's.trial');
SELECT ghostwatch.declare_contract('empty', 'public.account');
SELECT ghostwatch.declare_invariant('welcome', 'greeting', 'public.greeting', 'account_id', error_after => '0', missing_label => 'a greeting');
SELECT ghostwatch.declare_invariant('welcome', 'first_visit', 'public.visit', 'account_id', error_after => '5 minutes', missing_label => 'a visit');

SET LOCAL ghostwatch.clock = '2026-01-01 12:00+00';
INSERT INTO public.account VALUES
    (1, '2026-01-01 12:00+00', false), (2, '2026-01-01 12:00+00', false), (3, '2026-01-01 11:55+00', false),
    (4, '2026-01-01 11:00+00', true), (5, '2026-01-01 11:00+00', true), (6, '2026-01-01 12:00+00', true);
INSERT INTO public.greeting VALUES (1), (3), (5), (6);
INSERT INTO public.visit VALUES (5);

-- Each gives pass or fail, a description, and diagnostics.
SELECT * FROM check_test(
    ghostwatch.contract_holds('welcome', '1'), true, 'a subject with all that is due', 'contract welcome holds for 1', ''
);
SELECT * FROM check_test(
    ghostwatch.contract_holds('welcome', '2', 'greeted'), false, 'one without', 'greeted',
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
SELECT * FROM check_test(ghostwatch.contract_holds('welcome', '5'), true, 'an exempt one that has everything');
SELECT * FROM check_test(ghostwatch.contract_holds('welcome', '6'), true, 'an exempt one that has what is due');
SELECT * FROM check_test(
    ghostwatch.contract_holds('welcome', '7'), false, 'a subject that is not there', NULL, 'public.account has no row with the key ''7'''
);
SELECT * FROM check_test(
    ghostwatch.contract_holds('empty', '1'), false, 'a contract without clauses', NULL, 'The contract has no clause, so nothing was proved.'
);

SELECT * FROM check_test(
    ghostwatch.clause_holds('welcome', 'greeting', '1'), true, 'a clause that holds', 'greeting of contract welcome holds for 1', ''
);
SELECT * FROM check_test(
    ghostwatch.clause_holds('welcome', 'first_visit', '1', 'visited'), false, 'a clause that is not due yet', 'visited',
    'first_visit: Does not have a visit yet; it is due by 2026-01-01 12:05:00 UTC.'
);
SELECT * FROM check_test(
    ghostwatch.clause_holds('welcome', 'greeting', '7'), false, 'a clause without a subject', NULL, 'public.account has no row with the key ''7'''
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

SELECT throws_ok($$ SELECT ghostwatch.contract_holds('farewell', '1') $$, 'GW001', NULL, 'an unknown contract');
SELECT throws_ok($$ SELECT ghostwatch.clause_holds('welcome', 'gift', '1') $$, 'GW007', NULL, 'an unknown invariant');

CREATE FUNCTION pg_temp.without_pgtap() RETURNS text LANGUAGE sql
SET search_path = pg_catalog
AS $$ SELECT ghostwatch.contract_holds('welcome', '1') $$;
SELECT throws_ok('SELECT pg_temp.without_pgtap()', 'GW078', 'pgTAP is not on the search path', 'without pgTAP it says so');

SELECT * FROM finish();
ROLLBACK;
