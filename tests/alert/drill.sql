-- A drill: its steps follow each other, it waits for nothing, and nothing takes it for an alert.
BEGIN;
SELECT plan(15);
\ir fixture.psql

SELECT throws_ok(
    $$ SELECT ghostwatch.drill('shop', 'first_order') $$,
    'GW065', 'no channel would get a drill of contract ''shop''',
    'without a channel there is nothing to rehearse'
);
INSERT INTO ghostwatch.channel (name, chat_id, contracts) VALUES ('other', -1009, '{another}');
SELECT throws_ok($$ SELECT ghostwatch.drill('shop', 'first_order') $$, 'GW065', NULL, 'nor with one that gets other contracts');
SELECT ghostwatch.add_channel('admins', -1001, quiet_from => '00:00', quiet_until => '23:59');
SELECT throws_ok($$ SELECT ghostwatch.drill('shop', 'first_ordre') $$, 'GW007', NULL, 'an invariant that is not there');

-- A sidecar that reports the next message of a drill.
CREATE FUNCTION pg_temp.report(at text, failed boolean DEFAULT false) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    next record;
BEGIN
    PERFORM set_config('ghostwatch.clock', '2026-01-01 ' || at || '+00', true);
    SELECT c.notification_id, c.reason, c.buttons, c.alert ->> 'kind' AS kind INTO next FROM ghostwatch.claim_notifications('test') AS c;
    IF failed THEN
        PERFORM ghostwatch.notification_failed(next.notification_id, 'test', 'no');
    ELSE
        PERFORM ghostwatch.notification_sent(next.notification_id, 'test', next.notification_id);
    END IF;
    RETURN concat_ws(' ', next.kind, next.reason, CASE WHEN next.buttons THEN 'with buttons' END);
END
$$;

SELECT ghostwatch.set_setting('chat_interval', '0');
SELECT ghostwatch.set_setting('group_messages_per_minute', '1000');
SELECT ghostwatch.add_channel('admins', -1001, button_user_ids => '{1}');
SELECT set_config('ghostwatch.clock', '2026-01-01 12:00:00+00', true);
SELECT ghostwatch.silence('shop');
SELECT ghostwatch.drill('shop', 'first_order');

SELECT is(pg_temp.report('12:00:02'), 'drill opened', 'neither a silence nor quiet hours keep it back, and it has no buttons');
SELECT is(pg_temp.report('12:00:05'), 'drill escalated', 'it escalates once the warning was delivered');
SELECT is(pg_temp.report('12:00:09', failed => true), 'drill resolved', 'and resolves once the escalation was');
SELECT results_eq(
    $$ SELECT step, state, took, since_start FROM ghostwatch.drill_history $$,
    $$ VALUES
        ('warning', 'sent', interval '2 seconds', interval '2 seconds'),
        ('error', 'sent', '3 seconds', '5 seconds'),
        ('resolution', 'failed', NULL, NULL) $$,
    'the view says how long each step took, and what was not delivered'
);
SELECT is((pg_temp.alert('drill')).state, 'resolved', 'it is over');
SELECT is_empty('SELECT FROM ghostwatch.alert_history', 'the history of alerts does not count it');
SELECT is_empty($$ SELECT FROM ghostwatch.notification WHERE reason = 'digest' $$, 'nor does the digest');

-- A real alert beside it.
SELECT ghostwatch.drill('shop', 'first_order');
SELECT pg_temp.ghost('1', 'error');
SELECT pg_temp.run('12:01');
SELECT is((pg_temp.alert('violations')).state, 'firing', 'a real alert opens beside a drill');
SELECT ghostwatch.drill('shop', 'first_order');
SELECT is(
    (SELECT array_agg(a.state ORDER BY a.alert_id) FROM ghostwatch.alert AS a WHERE a.kind = 'drill'),
    '{resolved,resolved,firing}',
    'another drill ends one that still waits for a sidecar, and is an alert of its own'
);

SELECT ghostwatch.add_channel('admins', -1001, min_severity => 'error');
SELECT ghostwatch.drill('shop', 'first_order');
SELECT is((pg_temp.alert('drill')).severity, 'error', 'where no channel gets warnings, it begins with the error');

-- Whose contract it is not.
CREATE ROLE somebody;
SELECT ghostwatch.grant_operator('somebody');
SET LOCAL ROLE somebody;
SELECT throws_ok($$ SELECT ghostwatch.drill('shop', 'first_order') $$, 'GW008', NULL, 'another role cannot start one');
SELECT is_empty('SELECT FROM ghostwatch.drill_history', 'nor sees one');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
