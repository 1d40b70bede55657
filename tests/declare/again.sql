-- Declaring again changes what is given and keeps the rest; reset sets an argument back to its default.
BEGIN;
SELECT plan(22);

CREATE SCHEMA app;
CREATE TABLE app.account (id bigint PRIMARY KEY, number bigint, created_at timestamptz NOT NULL, born timestamp, link text, type text);
CREATE TABLE app.greeting (account_id bigint NOT NULL, author_id bigint, at timestamptz, text text);
CREATE VIEW pg_temp.declared AS
SELECT to_jsonb(c) - 'contract_id' AS settings FROM ghostwatch.contract AS c;
CREATE VIEW pg_temp.clause AS
SELECT to_jsonb(i) - '{invariant_id,contract_id}'::text[] AS settings FROM ghostwatch.invariant AS i;
CREATE VIEW pg_temp.channel AS
SELECT to_jsonb(c) - 'channel_id' AS settings FROM ghostwatch.channel AS c WHERE c.name = 'admins';

-- A contract with every argument other than its default.
SET search_path = app, public;
SELECT ghostwatch.declare_contract(
    'welcome', 'account', 'number', 'born', 's.link', 's.type = ''test''', '{spam%}', 'Europe/Berlin', '3 minutes', 'who is welcome',
    'new accounts', true, '{app}', unique_key => true
);
RESET search_path;
CREATE TEMPORARY TABLE before AS SELECT settings FROM pg_temp.declared;

SELECT ghostwatch.declare_contract('welcome');
SELECT is((SELECT settings FROM pg_temp.declared), (SELECT settings FROM before), 'the name alone changes nothing of a contract');
SELECT ghostwatch.declare_contract('welcome', 'app.account', lateness => '4 minutes');
SELECT is(
    (SELECT settings FROM pg_temp.declared),
    (SELECT settings || '{"lateness": "00:04:00"}' FROM before),
    'only what is given changes, and the search path of another session changes nothing'
);
SELECT ghostwatch.declare_contract('welcome', reset => '{lateness,time_zone,key_column,exempt_predicate,capture,subject_label,look_up_in}');
SELECT is(
    (SELECT settings FROM pg_temp.declared),
    (
        SELECT settings || jsonb_build_object(
            'lateness', '00:02:00'::interval, 'time_zone', current_setting('TimeZone'), 'key_column', ARRAY['id'], 'exempt_predicate', NULL,
            'capture', false, 'subject_label', 'new rows of app.account', 'search_path', 'pg_catalog, public, pg_temp'
        )
        FROM before
    ),
    'reset sets back to the defaults'
);
CREATE TABLE app.member (id bigint PRIMARY KEY, born timestamp, link text, type text);
SELECT ghostwatch.declare_contract('welcome', 'app.member');
SELECT is((SELECT c.subject_label FROM ghostwatch.contract AS c), 'new rows of app.member', 'a label that nobody chose follows the table');
SELECT ghostwatch.declare_contract('welcome', 'app.account');
SELECT throws_ok(
    $$ SELECT ghostwatch.declare_contract('welcome', reset => '{lateness,subject,owner,NULL}') $$,
    'GW018', '''subject'', ''owner'', NULL cannot be reset',
    'what has no default cannot be reset'
);
SELECT throws_ok(
    $$ SELECT ghostwatch.declare_contract('welcome', lateness => '1 minute', reset => '{lateness}') $$,
    'GW018', 'an argument is both given and reset',
    'nothing is both given and reset'
);
SELECT throws_ok(
    $$ SELECT ghostwatch.declare_contract('welcome', born_at_column => 'created_at', time_zone => 'Mars/Olympus') $$,
    'GW011', NULL,
    'a time zone that nobody knows is refused also where births carry their own'
);
SELECT throws_ok($$ SELECT ghostwatch.declare_contract('other') $$, 'GW002', 'no table is named', 'a new contract needs a table');
SELECT lives_ok($$ SELECT ghostwatch.declare_contract('welcome', reset => NULL) $$, 'to reset NULL is to reset nothing');

-- An invariant.
SELECT ghostwatch.declare_invariant(
    'welcome', 'greeted', 'app.greeting', 'author_id', 'r.text <> ''''', 'at', '2 minutes', '6 minutes', '1 hour', 'drift',
    'https://example.org', 'why', 'a greeting', 3, 0.2, 30, 0.05, 0.5
);
DROP TABLE before;
CREATE TEMPORARY TABLE before AS SELECT settings FROM pg_temp.clause;
SELECT ghostwatch.declare_invariant('welcome', 'greeted');
SELECT is((SELECT settings FROM pg_temp.clause), (SELECT settings FROM before), 'the names alone change nothing of an invariant');
SELECT ghostwatch.declare_invariant('welcome', 'greeted', 'app.greeting', 'author_id', warn_after => '1 minute');
SELECT is(
    (SELECT settings FROM pg_temp.clause),
    (SELECT settings || '{"warn_after": "00:01:00"}' FROM before),
    'only what is given changes of an invariant'
);
SELECT ghostwatch.declare_invariant(
    'welcome', 'greeted',
    reset => '{predicate,related_at_column,warn_after,error_after,watch_for,rule,runbook_url,description,missing_label,min_count,min_rate,days_per_false_alarm,expected_rate,branch_ceiling}'
);
SELECT is(
    (SELECT settings FROM pg_temp.clause),
    '{"name": "greeted", "related": "app.greeting", "related_name": "app.greeting", "related_key_column": ["author_id"],
      "subject_column": null, "predicate": null, "at_least": 1, "exactly": null, "no_row": false, "repair": null, "repair_limit": null,
      "related_at_column": null, "warn_after": null, "error_after": "00:05:00", "watch_for": "00:25:00", "rule": "auto",
      "runbook_url": null, "description": null, "missing_label": "greeted", "min_count": 1, "min_rate": 0, "days_per_false_alarm": 90,
      "expected_rate": 0.1, "branch_ceiling": 0.8}'::jsonb,
    'all of it can be reset'
);
SELECT throws_ok(
    $$ SELECT ghostwatch.declare_invariant('welcome', 'greeted', reset => '{related}') $$,
    'GW018', '''related'' cannot be reset',
    'but not the table'
);
SELECT throws_ok($$ SELECT ghostwatch.declare_invariant('welcome', 'other') $$, 'GW002', 'no table is named', 'a new invariant needs a table');
SELECT throws_ok(
    $$ SELECT ghostwatch.declare_invariant('welcome', 'other', 'app.greeting') $$,
    'GW003', 'no column of app.greeting is named',
    'and the column of the key'
);
SELECT throws_ok(
    $$ SELECT ghostwatch.declare_invariant('welcome', 'greeted', watch_for => '4 minutes') $$,
    'GW015', NULL,
    'what is given must fit what is kept'
);
SELECT lives_ok(
    $$ SELECT ghostwatch.declare_contract('many', 'app.member', born_at_column => 'born'), ghostwatch.declare_invariant('many', 'greeted', 'app.greeting', 'account_id') $$,
    'both can be declared in one statement'
);
SELECT ghostwatch.drop_contract('many');

-- A channel.
SELECT ghostwatch.add_channel('admins', -1001, 7, 'error', false, '{welcome}', '22:00', '08:00', 'Europe/Berlin', true, '{42}');
SELECT ghostwatch.add_channel('on_call', -1003);
SELECT ghostwatch.add_channel('admins', escalate_after => '15 minutes', escalate_to => 'on_call', mention => '@anna', quiet_windows => '{Sun 02:00 for 2 hours}');
DROP TABLE before;
CREATE TEMPORARY TABLE before AS SELECT settings FROM pg_temp.channel;
SELECT ghostwatch.add_channel('admins');
SELECT is((SELECT settings FROM pg_temp.channel), (SELECT settings FROM before), 'the name alone changes nothing of a channel');
SELECT ghostwatch.add_channel('admins', thread_id => 8);
SELECT is((SELECT settings FROM pg_temp.channel), (SELECT settings || '{"thread_id": 8}' FROM before), 'another topic changes the topic');
SELECT ghostwatch.add_channel('admins', -1002);
SELECT is(
    (SELECT settings FROM pg_temp.channel),
    (SELECT settings || '{"thread_id": 8, "chat_id": -1002}' FROM before),
    'another chat changes the chat'
);
SELECT ghostwatch.add_channel('admins', reset => '{thread_id,min_severity,events,contracts,quiet_from,quiet_until,quiet_time_zone,quiet_errors,button_user_ids,sound,escalate_after,escalate_to,mention,quiet_windows}');
SELECT results_eq(
    'SELECT thread_id, min_severity, events, contracts, quiet_from, quiet_until, quiet_time_zone, quiet_errors, button_user_ids, sound, escalate_after, escalate_to, mention, quiet_windows FROM ghostwatch.channel WHERE name = ''admins''',
    $$ VALUES (NULL::integer, 'warn', true, NULL::text[], NULL::time, NULL::time, 'UTC', false, '{}'::bigint[], 'errors', NULL::interval, NULL::text, NULL::text, NULL::text[]) $$,
    'all of it can be reset'
);
SELECT throws_ok($$ SELECT ghostwatch.add_channel('admins', reset => '{chat_id}') $$, 'GW018', '''chat_id'' cannot be reset', 'but not the chat');

SELECT * FROM finish();
ROLLBACK;
