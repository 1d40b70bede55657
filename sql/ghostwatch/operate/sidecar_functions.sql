CREATE FUNCTION ghostwatch._sidecar_functions()
RETURNS SETOF regprocedure
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $_sidecar_functions$
    -- The functions in the folder sidecar/.
    SELECT p.oid::regprocedure
    FROM pg_proc AS p
    WHERE p.pronamespace = 'ghostwatch'::regnamespace
        AND p.proname IN (
            'channel_address',
            'channel_migrated',
            'channel_topic_lost',
            'claim_notifications',
            'detect_stopped_checks',
            'hold_all_chats',
            'lead_buttons',
            'message_pace',
            'messenger_back',
            'metrics',
            'next_due_in',
            'notification_failed',
            'notification_retry',
            'notification_sent',
            'press_button',
            'preview_notifications',
            'renew_claims',
            'sidecar_heartbeat',
            'sidecar_stopped'
        )
$_sidecar_functions$;

COMMENT ON FUNCTION ghostwatch._sidecar_functions() IS
'The functions that a sidecar may call, and that no other role needs.';
