CREATE FUNCTION ghostwatch._reclaim(
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_reclaim$
-- It is not known whether they sent the message.
DECLARE
    expired ghostwatch.notification;
BEGIN
    FOR expired IN
        SELECT lost.*
        FROM ghostwatch.notification AS lost
        WHERE lost.state = 'claimed'
            AND lost.lease_until <= as_of
        ORDER BY lost.notification_id
        LIMIT 1000
        FOR UPDATE
    LOOP
        UPDATE ghostwatch.notification AS n
        SET unconfirmed_at = coalesce(n.unconfirmed_at, n.shown_at, n.rendered_at)
        WHERE n.notification_id = expired.notification_id;

        PERFORM ghostwatch._requeue(expired, 'its sidecar did not report', as_of, expired.attempts);
    END LOOP;
END
$_reclaim$;

COMMENT ON FUNCTION ghostwatch._reclaim(timestamptz) IS
'Takes back what sidecars hold longer than their lease.   Takes the time; at most 1,000 claims a call.';
