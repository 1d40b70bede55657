CREATE FUNCTION ghostwatch._queue_details(
    channel_id integer,
    alert_id bigint,
    as_of timestamptz
)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_queue_details$
-- A person asked for it, so neither silences nor quiet hours hold it back. Asked again within a minute, it is the same
-- answer, which is there or waits.
BEGIN
    IF EXISTS (
        SELECT
        FROM ghostwatch.notification AS n
        WHERE n.alert_id = _queue_details.alert_id
            AND n.channel_id = _queue_details.channel_id
            AND n.reason = 'details'
            AND (n.state IN ('pending', 'claimed') OR n.sent_at > as_of - '1 minute'::interval)
    ) THEN
        RETURN false;
    END IF;

    INSERT INTO ghostwatch.notification (channel_id, alert_id, reason, created_at, next_attempt_at)
    VALUES (channel_id, alert_id, 'details', as_of, as_of);

    PERFORM ghostwatch._wake_sidecars();

    RETURN true;
END
$_queue_details$;

COMMENT ON FUNCTION ghostwatch._queue_details(integer, bigint, timestamptz) IS
'Puts what is known about an alert into the outbox of the channel that asked for it, once a minute; false if it is there
already.';
