BEGIN;
SELECT plan(11);
\ir ../deliver/outbox.psql

SELECT ghostwatch.add_channel('admins', -100, button_user_ids => '{11}');
SELECT pg_temp.open_alert(1);
SELECT pg_temp.claim();
SELECT pg_temp.sent();

CREATE FUNCTION pg_temp.press(user_id bigint, action text, user_name text DEFAULT '@anna') RETURNS text LANGUAGE sql AS $$
    SELECT ghostwatch.press_button(-100, user_id, user_name, action, a.alert_id) FROM ghostwatch.alert AS a
$$;

-- Details
SELECT is(pg_temp.press(11, 'details'), 'Details are on their way.', 'who is on the list gets details');
SELECT is(pg_temp.press(11, 'details'), 'Details were asked for a moment ago.', 'and not twice while they wait');
SELECT pg_temp.advance('10 seconds');
SELECT pg_temp.claim();
SELECT pg_temp.sent();
SELECT pg_temp.press(11, 'details');
SELECT is(
    (SELECT count(*) FROM ghostwatch.notification AS n WHERE n.reason = 'details'), 1::bigint, 'nor within a minute'
);
SELECT pg_temp.advance('1 minute');
SELECT is(pg_temp.press(11, 'details'), 'Details are on their way.', 'but again after that');

-- How often
DO $$ BEGIN FOR i IN 1..19 LOOP PERFORM pg_temp.press(11, 'silence'); END LOOP; END $$;
SELECT is(pg_temp.press(11, 'silence'), 'Too many presses: please wait a minute.', 'one person may press twenty times a minute');
SELECT is((SELECT count(*) FROM ghostwatch.silence AS s), 19::bigint, 'what is too much has no effect');
SELECT is(pg_temp.press(12, 'silence'), 'Sorry, only those on this channel''s list can do that.', 'and keeps nobody else from it');
DO $$ BEGIN FOR i IN 1..200 LOOP PERFORM pg_temp.press(1000 + i, 'silence'); END LOOP; END $$;
SELECT is(
    (SELECT count(*) FROM ghostwatch.button_press AS p WHERE p.pressed_at > ghostwatch._clock() - '1 minute'::interval),
    100::bigint,
    'all together may press a hundred times a minute'
);

-- How much is kept
DO $$
BEGIN
    FOR i IN 1..12 LOOP
        PERFORM pg_temp.advance('1 minute');
        PERFORM pg_temp.press(100 * i + j, 'silence') FROM generate_series(1, 100) AS j;
    END LOOP;
END
$$;
SELECT results_eq(
    $$ SELECT p.allowed, count(*) FROM ghostwatch.button_press AS p GROUP BY p.allowed ORDER BY p.allowed $$,
    $$ VALUES (false, 1000::bigint), (true, 23::bigint) $$,
    'of those that were refused the last thousand are kept, of the others all'
);

-- What a client may send
SELECT pg_temp.advance('1 minute');
SELECT ghostwatch.press_button(-100, 11, repeat(E'x\n', 1000000), repeat('y', 1000000), NULL);
SELECT results_eq(
    $$ SELECT length(p.user_name), p.user_name LIKE E'%\n%', length(p.action), p.alert_id
       FROM ghostwatch.button_press AS p ORDER BY p.press_id DESC LIMIT 1 $$,
    $$ VALUES (64, false, 64, 0::bigint) $$,
    'names and actions are cut and are one line'
);
SELECT lives_ok($$ SELECT ghostwatch.press_button(NULL, NULL, NULL, NULL, NULL) $$, 'and nothing at all is recorded as such');

SELECT * FROM finish();
ROLLBACK;
