CREATE FUNCTION ghostwatch._announce(
    alert_id bigint,
    reason text,
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_announce$
-- The interval between repeats counts from every new message about an alert, so its time is recorded in one place.
BEGIN
    UPDATE ghostwatch.alert AS a
    SET last_notified_at = as_of
    WHERE a.alert_id = _announce.alert_id;

    PERFORM ghostwatch._enqueue(alert_id, reason, as_of);
END
$_announce$;

COMMENT ON FUNCTION ghostwatch._announce(bigint, text, timestamptz) IS
'Sends a new message about an alert to the channels concerned.';
