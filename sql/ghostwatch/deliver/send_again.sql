CREATE FUNCTION ghostwatch._send_again(
    channel_id integer,
    as_of timestamptz,
    caller regrole
)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_send_again$
-- Puts what was given up back among the waiting notifications, except where a later message has said it since.
DECLARE
    failed   ghostwatch.notification;
    retried  bigint := 0;
BEGIN
    FOR failed IN
        SELECT n.*
        FROM ghostwatch.notification AS n
        WHERE n.state = 'failed'
            AND (_send_again.channel_id IS NULL OR n.channel_id = _send_again.channel_id)
            AND (
                pg_has_role(caller, (SELECT s.nspowner FROM pg_namespace AS s WHERE s.nspname = 'ghostwatch'), 'USAGE')
                OR n.alert_id IN (
                    SELECT a.alert_id
                    FROM ghostwatch.alert AS a
                    LEFT JOIN ghostwatch.contract AS c
                        ON c.name = a.contract
                    WHERE a.contract IS NULL
                        OR pg_has_role(caller, c.owner, 'USAGE')
                )
            )
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

COMMENT ON FUNCTION ghostwatch._send_again(integer, timestamptz, regrole) IS
'Puts what was given up in a channel, or in all, back among the waiting notifications. Returns how many wait again.
Takes the channel, or NULL for all, the time, and the role whose alerts these are (the owner of ghostwatch: all).';
