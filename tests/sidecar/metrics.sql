BEGIN;
SELECT plan(8);
SET LOCAL ghostwatch.clock = '2026-01-01 12:00+00';
CREATE TABLE public.account (id bigint PRIMARY KEY, created_at timestamptz NOT NULL, link text);
CREATE TABLE public.greeting (account_id bigint NOT NULL);
SELECT ghostwatch.declare_contract('welcome', 'public.account', branch_expression => 's.link');
SELECT ghostwatch.declare_invariant('welcome', 'greeting', 'public.greeting', 'account_id', warn_after => '1 minute', rule => 'threshold');

CREATE FUNCTION pg_temp.sample(name text, labels jsonb DEFAULT '{}') RETURNS double precision
LANGUAGE sql AS $$ SELECT m.value FROM ghostwatch.metrics() AS m WHERE m.name = $1 AND m.labels @> $2 $$;
-- What a check finds in a batch: subjects that came a minute ago and whether each is violated.
CREATE FUNCTION pg_temp.judge(family text, violated boolean, keys text[]) RETURNS void
LANGUAGE sql AS $$
    SELECT ghostwatch._record_judgements(
        c, ghostwatch._clock(),
        ARRAY(
            SELECT jsonb_populate_record(NULL::ghostwatch._judgement, jsonb_build_object(
                'subject_key', k, 'born_at', ghostwatch._clock() - '2 minutes'::interval, 'branch_family', family,
                'satisfied', NOT violated, 'violated', violated, 'exempt_by_branch', false, 'exempt_by_predicate', false
            ))
            FROM unnest(keys) AS k
        ),
        ghostwatch._clock()
    )
    FROM ghostwatch._clause AS c
$$;

SELECT is(pg_temp.sample('outbox_notifications', '{"state": "pending"}'), 0::float8, 'what is none is zero, not absent');
SELECT pg_temp.judge('kitchen', true, '{1,2}');
SELECT pg_temp.judge('kitchen', false, '{3}');
SELECT pg_temp.judge('none', false, '{4}');
SELECT is(pg_temp.sample('subjects_due_total', '{"branch_family": "kitchen"}'), 3::float8, 'who was due, by branch family');
SELECT is(pg_temp.sample('subjects_violated_total', '{"branch_family": "kitchen"}'), 2::float8, 'and in violation then');
SELECT is(pg_temp.sample('subjects_violated_total', '{"branch_family": "none"}'), 0::float8, 'in each family');
DELETE FROM ghostwatch.branch_minute;
SELECT is(pg_temp.sample('subjects_due_total', '{"branch_family": "kitchen"}'), 3::float8, 'totals stay when their minutes are removed');


SELECT ghostwatch.add_channel('admins', -1001);
SELECT ghostwatch._decide_alerts(i.invariant_id, ghostwatch._clock()) FROM ghostwatch.invariant AS i;
SELECT is(pg_temp.sample('outbox_notifications', '{"state": "pending"}'), 1::float8, 'the outbox by state');
SELECT is(pg_temp.sample('channel_open', '{"channel": "admins"}'), 1::float8, 'a channel that is open');
SELECT ghostwatch.disable_channel('admins', 'for now');
SELECT is(pg_temp.sample('channel_open', '{"channel": "admins"}'), 0::float8, 'a channel that is closed');

SELECT * FROM finish();
ROLLBACK;
