BEGIN;
SELECT plan(40);

-- Thirty days of a shop: 20 customers an hour, one in eleven never orders, and for two hours nobody who came by kitchen did.
CREATE SCHEMA bot;
SET LOCAL search_path = public, bot;
CREATE TABLE bot.customer (id bigint PRIMARY KEY, created_at timestamptz NOT NULL, link text, banned boolean NOT NULL DEFAULT false);
CREATE TABLE bot.first_order (customer_id bigint NOT NULL, at timestamptz NOT NULL);
CREATE INDEX ON bot.customer (created_at);
CREATE INDEX ON bot.first_order (customer_id);
INSERT INTO bot.customer
SELECT n, timestamptz '2026-01-01 00:00+00' + n * interval '3 minutes', (ARRAY['kitchen', 's_1', NULL])[1 + n % 3]
FROM generate_series(1, 14399) AS n;
INSERT INTO bot.first_order
SELECT c.id, c.created_at + interval '20 seconds'
FROM bot.customer AS c
WHERE c.id % 11 <> 0 AND NOT coalesce(c.link = 'kitchen' AND c.created_at BETWEEN '2026-01-25 12:00+00' AND '2026-01-25 14:00+00', false);

SELECT set_config('ghostwatch.clock', '2026-01-31 00:00+00', true);
SELECT ghostwatch.declare_contract('shop', 'bot.customer', branch_expression => 's.link', exempt_predicate => 's.banned');
SELECT ghostwatch.declare_branch_family('shop', 'kitchen', 'kitchen');
SELECT ghostwatch.declare_branch_family('shop', 's\_%', 'share');
SELECT ghostwatch.declare_invariant('shop', 'first_order', 'first_order', 'customer_id', related_at_column => 'at', warn_after => '1 minute', rule => 'threshold');

-- A ghost every 33 minutes, open for 24 of them, with five more until it resolves, is an alert each.
SELECT results_eq(
    $$SELECT kind, opened_at, resolved_at, lasted, severity, branch, messages
      FROM ghostwatch.backtest('shop', 'first_order', '2026-01-10 00:00+00', '2026-01-10 01:00+00')$$,
    $$VALUES ('violations', timestamptz '2026-01-10 00:00+00', NULL::timestamptz, interval '1 hour', 'error', NULL::text, 7)$$,
    'threshold: an ordinary hour is opened, escalated, resolved and reopened'
);
SELECT is(
    (SELECT sum(b.messages) FROM ghostwatch.backtest('shop', 'first_order') AS b) > 1000, true,
    'threshold: an ordinary month is over a thousand messages'
);
SELECT results_eq(
    $$SELECT opened_at, severity, branch FROM ghostwatch.backtest('shop', 'first_order', settings => '{"min_count": 3}')$$,
    $$VALUES (timestamptz '2026-01-25 12:10+00', 'error', 'kitchen')$$,
    'threshold: held back below three, only the leak is left'
);
SELECT results_eq(
    $$SELECT kind, opened_at, severity, branch, messages FROM ghostwatch.backtest('shop', 'first_order', settings => '{"rule": "drift"}')$$,
    $$VALUES ('violations', timestamptz '2026-01-25 12:46+00', 'error', 'kitchen', 2)$$,
    'drift: one alert for the leak, and its resolution'
);
SELECT is(
    (SELECT b.violations >= 13 AND b.due < 90 AND b.resolved_at BETWEEN '2026-01-25 14:00+00' AND '2026-01-25 17:00+00'
     FROM ghostwatch.backtest('shop', 'first_order', settings => '{"rule": "drift"}') AS b),
    true,
    'with its counts and its end'
);
SELECT is(
    (SELECT count(*) FROM ghostwatch.backtest('shop', 'first_order', '2026-01-24 00:00+00', '2026-01-25 00:00+00', '{"rule": "drift"}')), 0::bigint,
    'the time can be chosen'
);

-- Signups that stop.
UPDATE bot.customer SET created_at = created_at + interval '5 hours' WHERE created_at >= '2026-01-28 00:00+00';
SELECT results_eq(
    $$SELECT kind, opened_at, resolved_at, severity FROM ghostwatch.backtest('shop', 'first_order', '2026-01-27 00:00+00', settings => '{"rule": "drift"}')$$,
    $$VALUES ('no_signups', timestamptz '2026-01-28 00:30+00', timestamptz '2026-01-28 05:01+00', 'error')$$,
    'drift: five hours without signups are an alert after half an hour'
);
SELECT is(
    (SELECT count(*) FROM ghostwatch.backtest('shop', 'first_order', '2026-01-27 00:00+00', settings => '{"rule": "drift", "days_per_false_alarm": 1e60}')), 0::bigint,
    'unless so long a silence is accepted'
);

-- Exempt subjects.
UPDATE bot.customer SET banned = true WHERE link = 'kitchen';
SELECT is_empty(
    $$SELECT FROM ghostwatch.backtest('shop', 'first_order', '2026-01-24 00:00+00', '2026-01-27 00:00+00', '{"rule": "drift"}')$$,
    'those who are exempt are left out'
);
UPDATE bot.customer SET banned = false;

-- A rule or threshold that is changed says what that means.
CREATE FUNCTION pg_temp.compared(before ghostwatch.invariant, after ghostwatch.invariant) RETURNS text
LANGUAGE sql AS $$ SELECT ghostwatch._replay_total(before, '2026-01-01', '2026-01-31') || ' | ' || ghostwatch._replay_total(after, '2026-01-01', '2026-01-31') $$;
SELECT matches(
    pg_temp.compared(
        (SELECT i FROM ghostwatch.invariant AS i),
        ghostwatch._replayed_rule((SELECT i.invariant_id FROM ghostwatch.invariant AS i), '{"rule": "drift"}')
    ),
    '^[0-9]+ alerts, [0-9]{4} messages, firing [5-9][0-9]\.[0-9] % of the time \| 2 alerts, 5 messages, firing [01]\.[0-9] % of the time$',
    'old and new are described in a few words'
);
SELECT lives_ok(
    $$SELECT ghostwatch.declare_invariant('shop', 'first_order', rule => 'drift')$$,
    'the rule can be changed'
);

-- From what was counted.
SELECT ghostwatch.declare_invariant('shop', 'first_order', rule => 'threshold', reset => '{related_at_column}');
INSERT INTO ghostwatch.branch_minute
SELECT i.invariant_id, date_trunc('minute', c.created_at), coalesce(c.link, 'none'), 1,
    (NOT EXISTS (SELECT FROM bot.first_order AS o WHERE o.customer_id = c.id))::integer
FROM ghostwatch.invariant AS i, bot.customer AS c
ON CONFLICT DO NOTHING;
SELECT results_eq(
    $$SELECT kind, severity, branch FROM ghostwatch.backtest('shop', 'first_order', settings => '{"rule": "drift"}')$$,
    $$VALUES ('violations', 'error', 'kitchen'), ('no_signups', 'error', NULL)$$,
    'without related_at_column the counts are replayed'
);
SELECT throws_ok(
    $$SELECT * FROM ghostwatch.backtest('shop', 'first_order', settings => '{"warn_after": "2 minutes"}')$$,
    'GW038', 'invariant ''first_order'' cannot be replayed with another deadline', 'but not by another deadline'
);
SELECT lives_ok(
    $$SELECT ghostwatch.declare_invariant('shop', 'first_order', warn_after => '2 minutes')$$,
    'which can be declared all the same'
);
SELECT ghostwatch.declare_invariant('shop', 'first_order', 'first_order', 'customer_id', related_at_column => 'at', warn_after => '1 minute', rule => 'threshold');

-- What is refused.
SELECT throws_ok($$SELECT * FROM ghostwatch.backtest('bar', 'first_order')$$, 'GW001', NULL, 'an unknown contract');
SELECT throws_ok($$SELECT * FROM ghostwatch.backtest('shop', 'second_order')$$, 'GW007', NULL, 'an unknown invariant');
SELECT throws_ok(
    $$SELECT * FROM ghostwatch.backtest('shop', 'first_order', settings => '{"speed": 3}')$$, 'GW037',
    'invariant ''first_order'' cannot be replayed with the settings {"speed": 3}', 'an unknown setting'
);
SELECT throws_ok($$SELECT * FROM ghostwatch.backtest('shop', 'first_order', settings => '{"min_count": "many"}')$$, 'GW037', NULL, 'a malformed one');
SELECT throws_ok($$SELECT * FROM ghostwatch.backtest('shop', 'first_order', settings => '{"rule": "often"}')$$, 'GW037', NULL, 'an unknown rule');
SELECT throws_ok($$SELECT * FROM ghostwatch.backtest('shop', 'first_order', settings => '["drift"]')$$, 'GW037', NULL, 'no settings at all');
SELECT throws_ok($$SELECT * FROM ghostwatch.backtest('shop', 'first_order', settings => NULL)$$, 'GW037', NULL, 'nor NULL');
SELECT throws_ok($$SELECT * FROM ghostwatch.backtest(NULL, 'first_order')$$, 'GW001', NULL, 'no contract');
SELECT throws_ok($$SELECT * FROM ghostwatch.backtest('shop', NULL)$$, 'GW007', NULL, 'no invariant');
SELECT throws_ok(format($$SELECT * FROM ghostwatch.backtest('shop', 'first_order', %L, %L)$$, t.from_time, t.to_time), 'GW029', NULL, t.what)
FROM (VALUES
    ('-infinity', '2026-01-01', 'a time without begin'),
    ('2026-01-01', 'infinity', 'a time without end'),
    (NULL, '-infinity', 'an end before time'),
    ('infinity', NULL, 'a begin after time'),
    ('4714-11-24 00:00+00 BC', '2026-01-01', 'before the first year'),
    ('2026-01-01', '294276-12-31 00:00+00', 'after the last year'),
    ('2026-01-02', '2026-01-01', 'an end before its begin')
) AS t (from_time, to_time, what);
SELECT lives_ok($$SELECT * FROM ghostwatch.backtest('shop', 'first_order', '0001-01-01 00:00+00', '9999-12-31 00:00+00')$$, 'all of time');
SELECT throws_ok(
    $$SELECT * FROM ghostwatch.backtest('shop', 'first_order', settings => '{"days_per_false_alarm": "Infinity"}')$$, 'GW037', NULL, 'a patience without end'
);
SELECT throws_ok(
    $$SELECT * FROM ghostwatch.backtest('shop', 'first_order', settings => '{"watch_for": "10000 years"}')$$, 'GW037', NULL, 'a watch longer than time'
);
SELECT throws_ok(
    $$SELECT * FROM ghostwatch._trials_between(
        (SELECT i FROM ghostwatch.invariant AS i), '2026-01-01', '2026-02-01', 1000)$$,
    'GW039', NULL, 'more than fits in memory'
);

-- The doctor.
SELECT is(
    (SELECT count(*) FROM ghostwatch.doctor() AS d WHERE d.check_name = 'rules' AND d.verdict <> 'ok'), 0::bigint,
    'an invariant that never fired needs no other rule'
);
INSERT INTO ghostwatch.alert (kind, invariant_id, contract, invariant, rule, severity, opened_at, resolved_at, state, changed_at)
SELECT 'violations', i.invariant_id, 'shop', 'first_order', 'threshold', 'error', '2026-01-01', '2026-01-30', 'resolved', '2026-01-30'
FROM ghostwatch.invariant AS i;
SELECT matches(
    (SELECT d.finding FROM ghostwatch.doctor() AS d WHERE d.check_name = 'rules'),
    'firing for 86 % of the last 7 days. With the rule drift, the last 30 days would have had: 2 alerts, 5 messages',
    'one that fires most of the time should drift, and this is why'
);
SELECT matches(
    (SELECT d.advice FROM ghostwatch.doctor() AS d WHERE d.check_name = 'rules'),
    '^SELECT ghostwatch.declare_invariant\(''shop'', ''first_order'', rule => ''drift''', 'the advice can be typed'
);
CREATE FUNCTION pg_temp.follow(advice text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE advice; END $$;
SELECT lives_ok($$SELECT pg_temp.follow(d.advice) FROM ghostwatch.doctor() AS d WHERE d.check_name = 'rules'$$, 'as it stands');
SELECT is((SELECT i.rule FROM ghostwatch.invariant AS i), 'drift', 'and changes the rule');

-- Nights in which nobody ever comes.
DELETE FROM bot.customer WHERE extract(HOUR FROM created_at AT TIME ZONE 'UTC') < 5;
SELECT is(
    (SELECT count(*) FROM ghostwatch.backtest('shop', 'first_order', '2026-01-20 00:00+00', '2026-01-27 00:00+00') AS b WHERE b.kind = 'no_signups'), 0::bigint,
    'drift: a silence that every night brings is none'
);

SELECT * FROM finish();
ROLLBACK;
