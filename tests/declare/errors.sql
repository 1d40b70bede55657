-- What declare and detect refuse: each mistake has a code of its own, and the hint is what to type.
BEGIN;
SELECT plan(56);

CREATE TABLE public.account (
    id bigint PRIMARY KEY,
    created_at timestamptz NOT NULL,
    born timestamp,
    name text,
    picture json
);
CREATE TABLE public.greeting (account_id bigint NOT NULL, at timestamptz, text text, place point);
CREATE SEQUENCE public.counter;
CREATE ROLE another NOLOGIN;

-- Declaring a contract.
SELECT throws_ok($$ SELECT ghostwatch.declare_contract('', 'public.account') $$, 'GW016', NULL, 'a contract without a name');
SELECT throws_ok($$ SELECT ghostwatch.declare_contract('c', 'public.counter') $$, 'GW002', NULL, 'a subject that is no table');
SELECT throws_ok($$ SELECT ghostwatch.declare_contract('c', 4294967295::oid::regclass) $$, 'GW002', NULL, 'a subject that is gone');
SELECT throws_ok(
    $$ SELECT ghostwatch.declare_contract('c', 'public.account', key_column => 'number') $$,
    'GW003', 'column number of public.account does not exist',
    'a key column that is not there'
);
SELECT throws_ok(
    $$ SELECT ghostwatch.declare_contract('c', 'public.account', key_column => 'picture') $$,
    'GW009', NULL,
    'a key whose values cannot be compared'
);
SELECT throws_ok(
    $$ SELECT ghostwatch.declare_contract('c', 'public.account', born_at_column => 'name') $$,
    'GW010', NULL,
    'a birth time that is no time'
);
SELECT throws_ok(
    $$ SELECT ghostwatch.declare_contract('c', 'public.account', born_at_column => 'born', time_zone => 'Mars/Olympus') $$,
    'GW011', NULL,
    'a time zone that nobody knows'
);
SELECT throws_ok(
    $$ SELECT ghostwatch.declare_contract('c', 'public.account', lateness => '-1 minute') $$,
    'GW012', NULL,
    'a negative lateness'
);
SELECT throws_ok($$ SELECT ghostwatch.declare_contract('c', 'public.account', lateness => '10000 years') $$, 'GW012', NULL, 'an endless one');
SELECT throws_ok(
    $$ SELECT ghostwatch.declare_contract('c', 'public.account', exempt_predicate => 's.name =') $$,
    'GW004', NULL,
    'a predicate that does not parse'
);
SELECT throws_ok(
    $$ SELECT ghostwatch.declare_contract('c', 'public.account', exempt_predicate => 'true)) OR ((true') $$,
    'GW004', NULL,
    'a predicate that closes what it did not open'
);
SELECT throws_ok(
    $$ SELECT ghostwatch.declare_contract('c', 'public.account', exempt_predicate => 's.banned') $$,
    'GW005', NULL,
    'a predicate over a column that is not there'
);
SELECT throws_ok(
    $$ SELECT ghostwatch.declare_contract('c', 'public.account', exempt_predicate => 's.name') $$,
    'GW006', NULL,
    'a predicate that is not boolean'
);
SELECT throws_ok(
    $$ SELECT ghostwatch.declare_contract('c', 'public.account', branch_expression => '(SELECT link FROM nowhere)') $$,
    'GW005', NULL,
    'a branch expression over a table that is not there'
);
SELECT throws_ok(
    format('SELECT ghostwatch.declare_contract(%L, %L, branch_expression => %L)', 'c', 'public.account', mistake.expression),
    mistake.code,
    NULL,
    mistake.what
)
FROM (
    VALUES
        ('', 'GW004', 'a branch expression of no letter'),
        ('-- kitchen', 'GW004', 'one that is only a comment'),
        ('max(s.name)', 'GW004', 'one over all rows'),
        ('row_number() OVER ()', 'GW004', 'one over the rows around it'),
        ('unnest(ARRAY[s.name, s.name])', 'GW004', 'one that makes several rows of one'),
        ('1 / 0', 'GW004', 'one that can never be computed'),
        ('$1', 'GW005', 'one that waits for a parameter')
) AS mistake (expression, code, what);
SELECT throws_ok(
    $$ SELECT ghostwatch.declare_contract('c', 'public.account', exempt_branches => ARRAY['spam%', 'k\']) $$,
    'GW016', NULL,
    'an exempt branch that is no pattern'
);
SELECT lives_ok($$ SELECT ghostwatch.declare_contract('c', 'public.account') $$, 'a contract without mistake');

-- Declaring an invariant.
SELECT throws_ok(
    $$ SELECT ghostwatch.declare_invariant('d', 'i', 'public.greeting', 'account_id') $$,
    'GW001', 'there is no contract ''d''',
    'an invariant of a contract that is not there'
);
SELECT throws_ok($$ SELECT ghostwatch.declare_invariant('c', '', 'public.greeting', 'account_id') $$, 'GW016', NULL, 'an invariant without a name');
SELECT throws_ok($$ SELECT ghostwatch.declare_invariant('c', 'i', 'public.counter', 'account_id') $$, 'GW002', NULL, 'a related relation that is no table');
SELECT throws_ok($$ SELECT ghostwatch.declare_invariant('c', 'i', 'public.greeting', 'user_id') $$, 'GW003', NULL, 'a related key that is not there');
SELECT throws_ok($$ SELECT ghostwatch.declare_invariant('c', 'i', 'public.greeting', 'place') $$, 'GW009', NULL, 'keys that cannot be compared');
SELECT throws_ok(
    $$ SELECT ghostwatch.declare_invariant('c', 'i', 'public.greeting', 'account_id', related_at_column => 'text') $$,
    'GW010', NULL,
    'a time of arrival that is no time'
);
SELECT throws_ok(
    $$ SELECT ghostwatch.declare_invariant('c', 'i', 'public.greeting', 'account_id', predicate => 'r.text') $$,
    'GW006', NULL,
    'a predicate that is not boolean'
);
SELECT throws_ok(
    $$ SELECT ghostwatch.declare_invariant('c', 'i', 'public.greeting', 'account_id', warn_after => '5 minutes', error_after => '5 minutes') $$,
    'GW015', NULL,
    'a warning that is no earlier than the error'
);
SELECT throws_ok(
    $$ SELECT ghostwatch.declare_invariant('c', 'i', 'public.greeting', 'account_id', error_after => '5 minutes', watch_for => '5 minutes') $$,
    'GW015', NULL,
    'a watch that ends with the deadline'
);
SELECT throws_ok(
    $$ SELECT ghostwatch.declare_invariant('c', 'i', 'public.greeting', 'account_id', watch_for => '10000 years') $$,
    'GW015', NULL,
    'a watch that never ends'
);
SELECT throws_ok(
    $$ SELECT ghostwatch.declare_invariant('c', 'i', 'public.greeting', 'account_id', days_per_false_alarm => 'NaN') $$,
    'GW015', NULL,
    'a patience that is no number'
);
SELECT throws_ok($$ SELECT ghostwatch.declare_invariant('c', 'i', 'public.greeting', 'account_id', rule => 'often') $$, 'GW015', NULL, 'a rule that is none');
SELECT throws_ok($$ SELECT ghostwatch.declare_invariant('c', 'i', 'public.greeting', 'account_id', min_rate => 2) $$, 'GW015', NULL, 'a rate above one');
SELECT lives_ok($$ SELECT ghostwatch.declare_invariant('c', 'i', 'public.greeting', 'account_id') $$, 'an invariant without mistake');

SELECT throws_ok($$ SELECT ghostwatch.declare_branch_family('c', '', 'kitchen') $$, 'GW016', NULL, 'a family without a pattern');
SELECT throws_ok($$ SELECT ghostwatch.declare_branch_family('c', 'k\', 'kitchen') $$, 'GW016', NULL, 'a pattern that quotes nothing');
SELECT throws_ok($$ SELECT ghostwatch.declare_branch_family('c', 'k\\\', 'kitchen') $$, 'GW016', NULL, 'a pattern that quotes a backslash, and then nothing');
SELECT lives_ok($$ SELECT ghostwatch.declare_branch_family('c', 'k\\', 'kitchen') $$, 'a pattern that ends in a backslash');
SELECT throws_ok($$ SELECT ghostwatch.declare_branch_family('d', 'k%', 'kitchen') $$, 'GW001', NULL, 'a family of a contract that is not there');

-- Asking and dropping.
SELECT throws_ok($$ SELECT ghostwatch.drop_contract('d') $$, 'GW001', NULL, 'dropping a contract that is not there');
SELECT throws_ok($$ SELECT ghostwatch.drop_invariant('c', 'j') $$, 'GW007', 'contract ''c'' has no invariant ''j''', 'dropping an invariant that is not there');
SELECT throws_ok($$ SELECT * FROM ghostwatch.check_subject('c', '42') $$, 'GW021', NULL, 'asking for a subject that is not there');
SELECT throws_ok($$ SELECT * FROM ghostwatch.check_subject('c', 'no number') $$, 'GW021', NULL, 'asking for a key of another type');
SELECT throws_ok($$ SELECT * FROM ghostwatch.check_subject('c', NULL) $$, 'GW021', NULL, 'asking for no key');
INSERT INTO public.account (id, created_at) VALUES (1, now());
INSERT INTO public.greeting (account_id, text) VALUES (1, 'hello');
SELECT ghostwatch.declare_invariant('c', 'i', 'public.greeting', 'account_id', predicate => 'r.text::integer > 0');
SELECT throws_ok(
    $$ SELECT * FROM ghostwatch.check_subject('c', '1') $$,
    '22P02', NULL,
    'a predicate that fails is not called a subject that is not there'
);
SELECT ghostwatch.drop_invariant('c', 'i');
SELECT throws_ok($$ SELECT * FROM ghostwatch.check_subject('c', '42') $$, 'GW021', NULL, 'asking for nobody, even with nothing to ask');
SELECT ghostwatch.declare_invariant('c', 'i', 'public.greeting', 'account_id');

-- What belongs to another role.
SELECT ghostwatch.grant_operator('another');
SET ROLE another;
SELECT throws_ok($$ SELECT ghostwatch.declare_contract('c', 'public.account') $$, 'GW008', NULL, 'declaring another role''s contract again');
SELECT throws_ok($$ SELECT ghostwatch.drop_contract('c') $$, 'GW008', NULL, 'dropping another role''s contract');
SELECT throws_ok($$ SELECT * FROM ghostwatch.ghost_summary('c', 'i') $$, 'GW020', NULL, 'running another role''s expressions');
SELECT throws_ok($$ SELECT ghostwatch.declare_contract('d', 'public.account') $$, 'GW005', 'role another may not read public.account', 'a subject that this role may not read');
CREATE TEMPORARY TABLE newcomer (id bigint PRIMARY KEY, created_at timestamptz);
SELECT ghostwatch.declare_contract('d', 'newcomer');
SELECT throws_ok(
    $$ SELECT ghostwatch.declare_invariant('d', 'i', 'public.greeting', 'account_id') $$,
    'GW005', NULL,
    'related rows that this role may not read'
);
DROP TABLE newcomer;
SELECT throws_ok(
    $$ SELECT ghostwatch.declare_invariant('d', 'i', 'pg_catalog.pg_class', 'relpages') $$,
    'GW002', NULL,
    'an invariant of a contract whose table was dropped'
);
SELECT throws_ok($$ SELECT ghostwatch.enforce('c', 'warn') $$, 'GW073', NULL, 'enforcing another role''s contract');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
