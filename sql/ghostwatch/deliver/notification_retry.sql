CREATE FUNCTION ghostwatch.notification_retry(
    notification_id bigint,
    worker text,
    error text,
    retry_after interval DEFAULT NULL
)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $notification_retry$
-- Gives a claimed notification back, to be tried again.
-- Takes the notification, who held it, why, and how long Telegram asked to wait. If it did, exactly that
-- long the whole chat is left alone, and the attempt does not count. If not, it backs off with jitter, up to
-- five minutes, and the chat for at most thirty seconds, so that one bad message does not hold up the rest.
-- Returns false if the claim had gone to another sidecar meanwhile.
DECLARE
    as_of   constant timestamptz := ghostwatch._clock();
    given   ghostwatch.notification;
    backoff interval;
BEGIN
    UPDATE ghostwatch.notification
    SET
        state = 'pending',
        state_reason = notification_retry.error,
        claimed_by = NULL,
        lease_until = NULL,
        attempts = notification.attempts + CASE WHEN notification_retry.retry_after IS NULL THEN 1 ELSE 0 END
    WHERE notification.notification_id = notification_retry.notification_id
        AND notification.state = 'claimed'
        AND notification.claimed_by = notification_retry.worker
    RETURNING notification.*
    INTO given;

    IF NOT FOUND THEN
        RETURN false;
    END IF;

    backoff := least(2 ^ least(given.attempts - 1, 10), 300) * (0.75 + random() / 2) * '1 second'::interval;

    UPDATE ghostwatch.notification
    SET next_attempt_at = as_of + coalesce(notification_retry.retry_after, backoff)
    WHERE notification.notification_id = given.notification_id;

    PERFORM ghostwatch._chat_answered(
        given.channel_id,
        as_of,
        coalesce(notification_retry.retry_after, least(backoff, '30 seconds'::interval))
    );

    RETURN true;
END
$notification_retry$;

COMMENT ON FUNCTION ghostwatch.notification_retry(bigint, text, text, interval) IS
'Gives a claimed notification back, to be tried again after the time that Telegram asked for, or after a back-off.';
