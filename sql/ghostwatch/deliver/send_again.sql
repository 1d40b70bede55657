CREATE FUNCTION ghostwatch._send_again(
    channel_id integer,
    as_of timestamptz
)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_send_again$
-- Puts what was given up back among the waiting notifications, except where a later message has said it since.
-- Takes the channel, or NULL for all, and the time. Returns how many wait again.
DECLARE
    failed   ghostwatch.notification;
    retried  bigint := 0;
BEGIN
    FOR failed IN
        SELECT n.*
        FROM ghostwatch.notification AS n
        WHERE n.state = 'failed'
            AND (_send_again.channel_id IS NULL OR n.channel_id = _send_again.channel_id)
        ORDER BY n.notification_id
        FOR UPDATE
    LOOP
        PERFORM ghostwatch._requeue(failed, failed.state_reason, as_of, 0);

        UPDATE ghostwatch.notification AS n
        SET
            waits_for = NULL,
            unconfirmed_sends = 0
        WHERE n.notification_id = failed.notification_id
            AND n.state = 'pending';
        retried := retried + CASE WHEN FOUND THEN 1 ELSE 0 END;
    END LOOP;

    RETURN retried;
END
$_send_again$;

COMMENT ON FUNCTION ghostwatch._send_again(integer, timestamptz) IS
'Puts what was given up in a channel, or in all, back among the waiting notifications. Returns how many wait again.';
