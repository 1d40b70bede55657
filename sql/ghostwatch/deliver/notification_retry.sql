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
    claimed ghostwatch.notification;
    attempt integer;
    pause   interval;
BEGIN
    SELECT held.*
    INTO claimed
    FROM ghostwatch._claimed_notification(notification_id, worker) AS held;

    IF NOT FOUND THEN
        RETURN false;
    END IF;

    attempt := claimed.attempts + CASE WHEN notification_retry.retry_after IS NULL THEN 1 ELSE 0 END;
    pause := coalesce(
        notification_retry.retry_after,
        least(2 ^ least(attempt - 1, 10), 300) * (0.75 + random() / 2) * '1 second'::interval
    );

    PERFORM ghostwatch._give_back(claimed, notification_retry.error, as_of + pause, attempt);
    PERFORM ghostwatch._chat_answered(
        claimed.channel_id,
        as_of,
        coalesce(notification_retry.retry_after, least(pause, '30 seconds'::interval))
    );

    RETURN true;
END
$notification_retry$;

COMMENT ON FUNCTION ghostwatch.notification_retry(bigint, text, text, interval) IS
'Gives a claimed notification back, to be tried again after the time that Telegram asked for, or after a back-off.';
