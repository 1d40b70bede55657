CREATE FUNCTION ghostwatch._queue_edit(
    alert_id bigint,
    channel_id integer,
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_queue_edit$
-- Edits make no sound, so neither silences nor quiet hours keep them back.
DECLARE
    interval_between constant interval := ghostwatch._setting('update_interval')::interval;
    first_sent       boolean;
    waiting          boolean;
    last_at          timestamptz;
    used_edit        bigint;
BEGIN
    SELECT
        bool_or(n.state IN ('sent', 'claimed') AND n.reason NOT IN ('updated', 'details')),
        bool_or(n.state = 'pending' AND n.reason = 'updated'),
        max(CASE n.state WHEN 'claimed' THEN as_of ELSE n.sent_at END),
        max(n.notification_id) FILTER (WHERE n.state IN ('sent', 'failed') AND n.reason = 'updated')
    INTO first_sent, waiting, last_at, used_edit
    FROM ghostwatch.notification AS n
    WHERE n.alert_id = _queue_edit.alert_id
        AND n.channel_id = _queue_edit.channel_id;

    -- A message that was not sent yet will show the present state by itself.
    IF waiting OR first_sent IS NOT TRUE THEN
        RETURN;
    END IF;

    -- An edit that is done is used again: an incident of weeks leaves one row, not one for every minute.
    IF used_edit IS NULL THEN
        INSERT INTO ghostwatch.notification (channel_id, alert_id, reason, created_at, next_attempt_at)
        VALUES (channel_id, alert_id, 'updated', as_of, greatest(as_of, last_at + interval_between));
    ELSE
        UPDATE ghostwatch.notification AS n
        SET
            state = 'pending',
            state_reason = NULL,
            created_at = as_of,
            next_attempt_at = greatest(as_of, last_at + interval_between),
            attempts = 0
        WHERE n.notification_id = used_edit;
    END IF;

    PERFORM ghostwatch._wake_sidecars();
END
$_queue_edit$;

COMMENT ON FUNCTION ghostwatch._queue_edit(bigint, integer, timestamptz) IS
'Has the first message about an alert in a channel edited, at most once per update_interval. Takes the alert, the
channel and the time.';
