BEGIN;
SELECT plan(49);

CREATE TABLE public.account (id bigint PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT now(), trial boolean NOT NULL DEFAULT false);
CREATE TABLE public.greeting (account_id bigint NOT NULL, text text);
CREATE TABLE public.setting (account_id bigint NOT NULL);
SELECT ghostwatch.declare_contract('welcome', 'public.account', exempt_predicate => 's.trial', subject_label => 'new accounts');
SELECT ghostwatch.declare_invariant(
    'welcome', 'greeting', 'public.greeting', 'account_id', predicate => 'r.text <> ''''', error_after => '0', missing_label => 'a greeting'
);
SELECT ghostwatch.declare_invariant('welcome', 'first_visit', 'public.setting', 'account_id', error_after => '5 minutes');

CREATE FUNCTION pg_temp.refusal(statement text) RETURNS text LANGUAGE plpgsql AS $$
    -- What a client is told when the statement is committed, in its fields; NULL where it is not refused.
    DECLARE
        its_message text; its_schema text; its_table text; its_constraint text; its_detail text; its_hint text;
    BEGIN
        SET CONSTRAINTS ALL DEFERRED;
        EXECUTE statement;
        SET CONSTRAINTS ALL IMMEDIATE;
        RETURN NULL;
    EXCEPTION WHEN SQLSTATE 'GW079' THEN
        GET STACKED DIAGNOSTICS its_message = MESSAGE_TEXT, its_schema = SCHEMA_NAME, its_table = TABLE_NAME,
            its_constraint = CONSTRAINT_NAME, its_detail = PG_EXCEPTION_DETAIL, its_hint = PG_EXCEPTION_HINT;
        RETURN concat_ws(E'\n', its_message, its_schema, its_table, its_constraint, its_detail, its_hint);
    END
$$;

-- observe
SELECT is(pg_temp.refusal('INSERT INTO public.account VALUES (1)'), NULL, 'by default nothing is refused');
SELECT hasnt_trigger('public', 'account', 'ghostwatch_enforce_' || (SELECT contract_id FROM ghostwatch.contract), 'and there is no trigger');

-- what turning it on says
INSERT INTO public.account (id, created_at, trial) VALUES (2, now(), true), (3, now() - interval '25 hours', false), (4, now(), false);
INSERT INTO public.greeting VALUES (4, 'hello');
SELECT results_eq(
    $$ SELECT * FROM ghostwatch.enforce('welcome', 'reject') $$,
    $$ VALUES ('greeting', 2::bigint, 1::bigint, 1::bigint, 0::bigint, 0::bigint), ('all', 2, 1, 1, 0, 0) $$,
    'turning it on says how many subjects of the last day would have been refused; exempt and older ones do not count'
);

-- reject
SELECT matches(
    pg_temp.refusal('INSERT INTO public.account VALUES (10)'),
    E'account 10 cannot be committed without a greeting\npublic\naccount\nwelcome\\.greeting\n.*key 10.*greeting.*\nWrite the missing rows',
    'a half-made subject is refused: message, schema, table, clause, key and what to do'
);
SELECT is_empty('SELECT FROM public.account WHERE id = 10', 'and is not there');
SELECT is(
    pg_temp.refusal($$ INSERT INTO public.account VALUES (11); INSERT INTO public.greeting VALUES (11, 'hello') $$),
    NULL,
    'one with all its rows passes, whatever is due later'
);
SELECT is(
    pg_temp.refusal($$ INSERT INTO public.greeting VALUES (12, 'hello'); INSERT INTO public.account VALUES (12) $$),
    NULL,
    'in whatever order they are written'
);
SELECT isnt(
    pg_temp.refusal($$ INSERT INTO public.account VALUES (13); INSERT INTO public.greeting VALUES (13, '') $$),
    NULL,
    'a row that does not satisfy the predicate does not count'
);
SELECT is(pg_temp.refusal('INSERT INTO public.account (id, trial) VALUES (14, true)'), NULL, 'an exempt subject passes');
SELECT is(
    pg_temp.refusal('INSERT INTO public.account VALUES (15); UPDATE public.account SET trial = true WHERE id = 15'),
    NULL,
    'what counts is the subject as it is committed'
);
SELECT is(
    pg_temp.refusal('INSERT INTO public.account VALUES (16); DELETE FROM public.account WHERE id = 16'),
    NULL,
    'and one that is gone by then is not judged'
);
SELECT isnt(
    pg_temp.refusal($$ INSERT INTO public.account VALUES (17); INSERT INTO public.greeting VALUES (17, 'x'); DELETE FROM public.greeting $$),
    NULL,
    'nor does a row count that is gone by then'
);

-- bulk
SELECT is(
    pg_temp.refusal($$
        INSERT INTO public.account SELECT i FROM generate_series(101, 1100) AS i;
        INSERT INTO public.greeting SELECT i, 'hello' FROM generate_series(101, 1100) AS i
    $$),
    NULL,
    'a thousand complete subjects pass'
);
SELECT matches(
    pg_temp.refusal($$
        INSERT INTO public.account SELECT i FROM generate_series(2101, 3100) AS i;
        INSERT INTO public.greeting SELECT i, 'hello' FROM generate_series(2101, 3100) AS i WHERE i <> 2777
    $$),
    'account 2777 ',
    'of a thousand the incomplete one is named'
);
SELECT is_empty('SELECT FROM public.account WHERE id > 2100', 'and none of them is there');

-- replica
SET LOCAL session_replication_role = replica;
SELECT is(pg_temp.refusal('INSERT INTO public.account VALUES (20)'), NULL, 'what replication applies is not judged again');
SET LOCAL session_replication_role = origin;

-- warn
SELECT lives_ok($$ SELECT ghostwatch.enforce('welcome', 'warn') $$, 'from reject to warn');
SET LOCAL ghostwatch.clock = '2030-01-01 12:00+00';
SELECT is(
    pg_temp.refusal($$ INSERT INTO public.account VALUES (30, '2030-01-01 12:00+00') $$), NULL, 'warn lets a half-made subject pass'
);
SELECT results_eq(
    $$
        SELECT i.name, v.subject_key, v.state, v.branch_family, v.born_at, v.opened_at, v.escalated_at
        FROM ghostwatch.violation AS v INNER JOIN ghostwatch.invariant AS i USING (invariant_id)
    $$,
    $$
        VALUES ('greeting', '30', 'error', 'none', '2030-01-01 12:00+00'::timestamptz, '2030-01-01 12:00+00'::timestamptz, '2030-01-01 12:00+00'::timestamptz)
    $$,
    'and records a violation at once'
);
SELECT is(pg_temp.refusal('INSERT INTO public.account (id, trial) VALUES (31, true)'), NULL, 'an exempt one passes there too');
SELECT is((SELECT count(*) FROM ghostwatch.violation), 1::bigint, 'and is not recorded');
SET LOCAL ghostwatch.clock = '2030-01-01 12:00:10+00';
SELECT ghostwatch._check_invariant(i.invariant_id, recheck => true) FROM ghostwatch.invariant AS i WHERE i.name = 'greeting';
SELECT is(
    (SELECT opened_at FROM ghostwatch.violation WHERE subject_key = '30'), '2030-01-01 12:00+00', 'the next check finds it recorded'
);
SELECT is((SELECT violations FROM ghostwatch.branch_minute WHERE minute = '2030-01-01 12:00+00'), 1, 'and counts it');
SET LOCAL ghostwatch.clock = '';

-- it follows the contract
SELECT ghostwatch.enforce('welcome', 'reject');
SELECT ghostwatch.declare_invariant('welcome', 'setting', 'public.setting', 'account_id', error_after => '0', missing_label => 'a setting');
SELECT matches(
    pg_temp.refusal($$ INSERT INTO public.account VALUES (40); INSERT INTO public.greeting VALUES (40, 'hello') $$),
    'without a setting',
    'an invariant declared later is enforced'
);
SELECT matches(
    pg_temp.refusal($$ INSERT INTO public.account VALUES (40) $$),
    'without a greeting, a setting',
    'all that is missing is named'
);
SELECT ghostwatch.drop_invariant('welcome', 'greeting');
SELECT is(
    pg_temp.refusal($$ INSERT INTO public.account VALUES (41); INSERT INTO public.setting VALUES (41) $$),
    NULL,
    'one that was dropped is not'
);
SELECT ghostwatch.declare_invariant('welcome', 'setting', 'public.setting', 'account_id', error_after => '1 minute');
SELECT is(pg_temp.refusal('INSERT INTO public.account VALUES (42)'), NULL, 'nor one that is due later now');
SELECT ghostwatch.declare_invariant('welcome', 'setting', 'public.setting', 'account_id', error_after => '0');

CREATE TABLE public.customer (number uuid PRIMARY KEY, created_at timestamp NOT NULL DEFAULT now());
CREATE TABLE public.letter (customer uuid NOT NULL);
SELECT ghostwatch.drop_invariant('welcome', 'first_visit');
SELECT ghostwatch.drop_invariant('welcome', 'setting');
SELECT ghostwatch.declare_contract('welcome', 'public.customer', key_column => 'number', time_zone => 'UTC', reset => '{branch_expression,exempt_predicate,exempt_branches}');
SELECT ghostwatch.declare_invariant('welcome', 'letter', 'public.letter', 'customer', error_after => '0');
SELECT is(pg_temp.refusal('INSERT INTO public.account VALUES (43)'), NULL, 'when the contract moves to another table, the old one is free');
SELECT matches(
    pg_temp.refusal($$ INSERT INTO public.customer VALUES ('00000000-0000-0000-0000-000000000001') $$),
    'customer 00000000-0000-0000-0000-000000000001 cannot',
    'and the new one is enforced, keys of another type too'
);

-- partitioned subjects
CREATE TABLE public.member (id bigint, region text, created_at timestamptz NOT NULL DEFAULT now()) PARTITION BY LIST (region);
CREATE TABLE public.member_north PARTITION OF public.member FOR VALUES IN ('north');
CREATE TABLE public.badge (member_id bigint NOT NULL);
SELECT ghostwatch.declare_contract('club', 'public.member', unique_key => true);
SELECT ghostwatch.declare_invariant('club', 'badge', 'public.badge', 'member_id', error_after => '0');
SELECT ghostwatch.enforce('club', 'reject');
CREATE TABLE public.member_south (created_at timestamptz NOT NULL DEFAULT now(), region text, id bigint);
ALTER TABLE public.member ATTACH PARTITION public.member_south FOR VALUES IN ('south');
SELECT matches(
    pg_temp.refusal($$ INSERT INTO public.member VALUES (1, 'north') $$), 'member 1 cannot', 'partitions are enforced'
);
SELECT matches(
    pg_temp.refusal($$ INSERT INTO public.member VALUES (2, 'south') $$), 'member 2 cannot', 'those attached later too'
);
SELECT is(
    pg_temp.refusal($$ INSERT INTO public.member VALUES (3, 'south'); INSERT INTO public.badge VALUES (3) $$), NULL, 'complete ones pass'
);

-- a contract that cannot be judged refuses nobody
ALTER TABLE public.badge RENAME TO medal;
SELECT isnt(
    pg_temp.refusal($$ INSERT INTO public.member VALUES (4, 'north') $$), NULL, 'after a rename the clause is enforced by the table''s identity'
);
ALTER TABLE public.medal RENAME member_id TO holder;
SELECT is(
    pg_temp.refusal($$ INSERT INTO public.member VALUES (4, 'north') $$), NULL, 'where its column was renamed, signups go on'
);
ALTER TABLE public.medal RENAME holder TO member_id;
SELECT ghostwatch.declare_invariant('club', 'badge', 'public.medal', 'member_id', error_after => '0');
SELECT isnt(pg_temp.refusal($$ INSERT INTO public.member VALUES (5, 'north') $$), NULL, 'declared again, it is enforced again');

-- nor does it withstand being mended
CREATE TABLE public.card (member_id bigint NOT NULL);
CREATE TABLE public.locker (member_id bigint NOT NULL);
SELECT ghostwatch.declare_invariant('club', 'card', 'public.card', 'member_id', error_after => '0');
SELECT ghostwatch.declare_invariant('club', 'locker', 'public.locker', 'member_id', error_after => '0');
DROP TABLE public.card;
ALTER TABLE public.locker DROP COLUMN member_id;
SELECT lives_ok(
    $$ SELECT ghostwatch.declare_invariant('club', 'badge', 'public.medal', 'member_id', error_after => '0', missing_label => 'a medal') $$,
    'with two tables broken, a clause over a third can be declared'
);
SELECT matches(
    pg_temp.refusal($$ INSERT INTO public.member VALUES (7, 'north') $$), 'without a medal\n', 'which is enforced without them'
);
SELECT lives_ok($$ SELECT ghostwatch.drop_invariant('club', 'card') $$, 'each of them can be dropped');
DROP TABLE public.member;
SELECT lives_ok($$ SELECT ghostwatch.drop_invariant('club', 'locker') $$, 'also where the subjects are gone');

-- the end
SELECT ghostwatch.drop_contract('club');
CREATE TABLE public.member (id bigint PRIMARY KEY, region text, created_at timestamptz NOT NULL DEFAULT now());
SELECT ghostwatch.declare_contract('club', 'public.member', unique_key => true);
SELECT ghostwatch.declare_invariant('club', 'badge', 'public.medal', 'member_id', error_after => '0');
SELECT ghostwatch.enforce('club', 'reject');
SELECT isnt(pg_temp.refusal($$ INSERT INTO public.member VALUES (6, 'north') $$), NULL, 'before the end');
SELECT ghostwatch.drop_contract('club');
SELECT is(pg_temp.refusal($$ INSERT INTO public.member VALUES (6, 'north') $$), NULL, 'dropping the contract ends it');
SELECT ghostwatch.enforce('welcome', 'observe');
SELECT is(pg_temp.refusal('INSERT INTO public.account VALUES (50)'), NULL, 'turned off, nothing is refused');
SELECT results_eq(
    'SELECT ghostwatch.remove_idle_triggers()', $$ VALUES ('public.customer'::regclass) $$, 'the idle triggers are removed on request'
);
SELECT is_empty(
    $$ SELECT FROM pg_trigger WHERE tgname LIKE 'ghostwatch\_enforce%' $$, 'no trigger is left'
);
SELECT is_empty($$ SELECT FROM pg_proc WHERE proname LIKE 'ghostwatch\_enforce%' $$, 'and no function');

-- errors
SELECT throws_ok($$ SELECT ghostwatch.enforce('nothing', 'reject') $$, 'GW001', NULL, 'an unknown contract');
SELECT throws_ok($$ SELECT ghostwatch.enforce('welcome', 'refuse') $$, 'GW070', 'there is no mode ''refuse''', 'an unknown mode');
SELECT ghostwatch.drop_invariant('welcome', 'letter');
SELECT throws_ok(
    $$ SELECT ghostwatch.enforce('welcome', 'reject') $$, 'GW071', 'contract ''welcome'' has no invariant that is due at once', 'nothing to enforce'
);
CREATE VIEW public.everybody AS SELECT id, created_at FROM public.account;
SELECT ghostwatch.declare_contract('all', 'public.everybody', unique_key => true);
SELECT ghostwatch.declare_invariant('all', 'greeting', 'public.greeting', 'account_id', error_after => '0');
SELECT throws_ok($$ SELECT ghostwatch.enforce('all', 'reject') $$, 'GW072', NULL, 'a view takes no constraint trigger');

SELECT * FROM finish();
ROLLBACK;
