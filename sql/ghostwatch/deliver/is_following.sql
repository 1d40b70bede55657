CREATE FUNCTION ghostwatch._is_following(
    alert_id bigint,
    channel_id integer
)
RETURNS boolean
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_is_following$
    -- A channel for errors only gets the rest of an incident that began there, even if it came back as a warning.
    SELECT coalesce(
        (
            SELECT step.reason <> 'resolved' OR step.state NOT IN ('sent', 'suppressed')
            FROM ghostwatch.notification AS step
            WHERE step.alert_id = _is_following.alert_id
                AND step.channel_id = _is_following.channel_id
                AND step.reason NOT IN ('updated', 'details', 'repaired')
            ORDER BY step.notification_id DESC
            LIMIT 1
        ),
        false
    )
$_is_following$;

COMMENT ON FUNCTION ghostwatch._is_following(bigint, integer) IS
'Whether a channel got, or will get, a message about an incident, and none yet about its end.';
