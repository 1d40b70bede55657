CREATE FUNCTION ghostwatch.renew_claims(
    notification_ids bigint[],
    worker text,
    lease interval
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $renew_claims$
    UPDATE ghostwatch.notification
    SET lease_until = ghostwatch._clock() + least(greatest(renew_claims.lease, '3 seconds'), '10 minutes')
    WHERE notification.notification_id = ANY (renew_claims.notification_ids)
        AND notification.state = 'claimed'
        AND notification.claimed_by = renew_claims.worker
$renew_claims$;

COMMENT ON FUNCTION ghostwatch.renew_claims(bigint[], text, interval) IS
'Keeps what a sidecar is still sending from being sent by another one as well. Takes the notifications, the sidecar''s
name, and how much longer it may take: ten minutes at most.';
