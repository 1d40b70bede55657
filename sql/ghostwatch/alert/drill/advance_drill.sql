CREATE FUNCTION ghostwatch._advance_drill(
    alert_id bigint,
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_advance_drill$
-- Called whenever a notification was sent or given up. The row of the alert is locked first: of two channels that finish at
-- once, the second one then sees that the first has.
DECLARE
    its_drill ghostwatch.alert;
BEGIN
    LOOP
        SELECT a.* INTO its_drill
        FROM ghostwatch.alert AS a
        WHERE a.alert_id = _advance_drill.alert_id AND a.kind = 'drill' AND a.state = 'firing'
        FOR UPDATE;
        EXIT WHEN NOT FOUND;

        -- A channel that is disabled would keep the others waiting.
        EXIT WHEN EXISTS (
            SELECT
            FROM ghostwatch.notification AS n
            INNER JOIN ghostwatch.channel AS c
                ON c.channel_id = n.channel_id
            WHERE n.alert_id = its_drill.alert_id
                AND n.state IN ('pending', 'claimed')
                AND n.reason NOT IN ('updated', 'details')
                AND c.disabled_at IS NULL
        );

        PERFORM ghostwatch._advance_alert(
            'drill', its_drill.invariant_id, ghostwatch._drill_result(CASE its_drill.severity WHEN 'warn' THEN 'error' END), as_of
        );
    END LOOP;
END
$_advance_drill$;

COMMENT ON FUNCTION ghostwatch._advance_drill(bigint, timestamptz) IS
'Takes the next step of a drill once the messages of the one before are delivered or given up. Does nothing for any other alert.';
