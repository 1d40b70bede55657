CREATE FUNCTION ghostwatch._sidecar_functions()
RETURNS SETOF regprocedure
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $_sidecar_functions$
    -- The functions that deliver: all that a sidecar may call, and nobody else needs.
    SELECT p.oid::regprocedure
    FROM pg_proc AS p
    WHERE p.pronamespace = 'ghostwatch'::regnamespace
        AND p.proname IN (
            'claim_notifications',
            'outbox_rest',
            'notification_sent',
            'notification_retry',
            'notification_failed',
            'channel_migrated',
            'channel_topic_lost',
            'channel_address',
            'press_button',
            'sidecar_heartbeat',
            'sidecar_stopped',
            'watch_checks'
        )
$_sidecar_functions$;

COMMENT ON FUNCTION ghostwatch._sidecar_functions() IS
'The functions that deliver: all that a sidecar may call, and nobody else needs.';
