-- A contract that captures arrivals can be enforced as well.
BEGIN;
SELECT plan(4);

CREATE TABLE public.account (id bigint PRIMARY KEY, created_at timestamptz);
CREATE TABLE public.greeting (account_id bigint PRIMARY KEY);
SELECT ghostwatch.declare_contract('welcome', 'public.account', capture => true);
SELECT ghostwatch.declare_invariant('welcome', 'greeting', 'public.greeting', 'account_id', error_after => '0');

INSERT INTO public.account VALUES (1, clock_timestamp() - interval '1 hour');
SELECT results_eq(
    $$ SELECT subjects, refused FROM ghostwatch.enforce('welcome', 'reject', force => true) WHERE invariant = 'all' $$,
    $$ VALUES (1::bigint, 1::bigint) $$,
    'the subjects of the last day are counted by the birth times that they carry'
);

CREATE FUNCTION pg_temp.half_made() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.account VALUES (2, NULL);
    SET CONSTRAINTS ALL IMMEDIATE;
    SET CONSTRAINTS ALL DEFERRED;
END
$$;
SELECT throws_ok($$ SELECT pg_temp.half_made() $$, 'GW079', NULL, 'a subject without its row is refused');

SELECT ghostwatch.enforce('welcome', 'warn');
SELECT lives_ok($$ SELECT pg_temp.half_made() $$, 'with a warning it passes');
SELECT results_eq(
    $$ SELECT v.born_at, v.state FROM ghostwatch.violation AS v WHERE v.subject_key = '2' $$,
    $$ SELECT a.arrived_at, 'error' FROM ghostwatch.arrival AS a WHERE a.subject_key = '2' $$,
    'and is recorded as born when it arrived, as a check run will find it'
);

SELECT * FROM finish();
ROLLBACK;
