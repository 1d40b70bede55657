CREATE FUNCTION ghostwatch._queue_details(
    channel_id integer,
    alert_id bigint,
    facts jsonb,
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_queue_details$
-- Somebody asked for it, so neither silences nor quiet hours hold it back.
BEGIN
    INSERT INTO ghostwatch.notification (channel_id, alert_id, reason, payload, created_at, next_attempt_at)
    VALUES (channel_id, alert_id, 'details', jsonb_build_object('facts', facts), as_of, as_of);

    PERFORM ghostwatch._wake_sidecars();
END
$_queue_details$;

COMMENT ON FUNCTION ghostwatch._queue_details(integer, bigint, jsonb, timestamptz) IS
'Puts what is known about an alert into the outbox of the channel that asked for it.';
