BEGIN;
SELECT plan(4);

CREATE TABLE public.account (id bigint PRIMARY KEY, created_at timestamptz NOT NULL);
CREATE TABLE public.audit (subject varchar(40) NOT NULL, what text NOT NULL);
CREATE TABLE public.greeting (account_id numeric NOT NULL, day date);
SELECT ghostwatch.declare_contract('welcome', 'public.account');

SELECT lives_ok(
    $$ SELECT ghostwatch.declare_invariant('welcome', 'audited', 'public.audit', 'subject', predicate => 'r.what = ''born''') $$,
    'a related table may keep a bigint key as text'
);
SELECT lives_ok(
    $$ SELECT ghostwatch.declare_invariant('welcome', 'greeted', 'public.greeting', 'account_id') $$,
    'keys of types that compare by themselves need no cast'
);
SELECT throws_ok(
    $$ SELECT ghostwatch.declare_invariant('welcome', 'dated', 'public.greeting', 'day') $$,
    'GW009',
    NULL,
    'other types are refused'
);

INSERT INTO public.account VALUES (7, now() - interval '10 minutes');
INSERT INTO public.audit VALUES ('7', 'born');
SELECT results_eq(
    $$ SELECT v.invariant, v.state FROM ghostwatch.check_subject('welcome', '7') AS v $$,
    $$ VALUES ('audited', 'holds'), ('greeted', 'broken') $$,
    'and the text is found by the key'
);

SELECT * FROM finish();
ROLLBACK;
