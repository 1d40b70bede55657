CREATE FUNCTION ghostwatch.notification_retry(
    notification_id bigint,
    worker text,
    error text,
    retry_after interval DEFAULT NULL,
    waits_for text DEFAULT NULL,
    unconfirmed boolean DEFAULT false
)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $notification_retry$
-- If Telegram asked to wait, the whole chat is left alone for as long, an hour at most (then it is asked again), and the
-- attempt does not count. If not, it backs off with jitter, up to half a minute, and the rest goes on. What may have
-- arrived twice is not sent a third time: it is given up. The doctor reports it, retry_failed() sends it.
DECLARE
    as_of   constant timestamptz := ghostwatch._clock();
    asked   constant interval := CASE
        WHEN notification_retry.retry_after IS NOT NULL THEN least(greatest(notification_retry.retry_after, '0'), '1 hour')
    END;
    said    constant text := ghostwatch._one_line(notification_retry.error);
    claimed constant ghostwatch.notification := ghostwatch._claimed_notification(notification_id, worker);
    attempt integer;
BEGIN
    IF claimed.notification_id IS NULL THEN
        RETURN false;
    END IF;

    IF notification_retry.unconfirmed AND claimed.unconfirmed_sends > 0 THEN
        PERFORM ghostwatch._give_up(claimed, format('sent twice without an answer, so it may have arrived (%s)', said));
        PERFORM ghostwatch._advance_drill(claimed.alert_id, as_of);
    ELSE
        attempt := claimed.attempts + CASE WHEN asked IS NULL THEN 1 ELSE 0 END;

        PERFORM ghostwatch._requeue(
            claimed,
            said,
            as_of + coalesce(asked, least(2 ^ least(attempt - 1, 5), 30) * (0.75 + random() / 2) * '1 second'::interval),
            attempt
        );

        UPDATE ghostwatch.notification AS n
        SET
            waits_for = CASE
                WHEN asked IS NOT NULL THEN 'chat'
                WHEN notification_retry.waits_for = 'token' THEN 'token'
                ELSE 'messenger'
            END,
            unconfirmed_sends = n.unconfirmed_sends + CASE WHEN notification_retry.unconfirmed THEN 1 ELSE 0 END
        WHERE n.notification_id = claimed.notification_id
            AND n.state = 'pending';
    END IF;

    IF notification_retry.unconfirmed THEN
        UPDATE ghostwatch.notification AS n
        SET unconfirmed_at = coalesce(n.unconfirmed_at, n.shown_at, n.rendered_at)
        WHERE n.notification_id = claimed.notification_id;
    END IF;

    PERFORM ghostwatch._chat_answered(claimed.channel_id, as_of);

    IF asked IS NOT NULL THEN
        PERFORM ghostwatch._hold_chat(claimed.channel_id, as_of + asked, as_of);
    END IF;

    RETURN true;
END
$notification_retry$;

COMMENT ON FUNCTION ghostwatch.notification_retry(bigint, text, text, interval, text, boolean) IS
'Gives a claimed notification back, to be tried again after the time that Telegram asked for, or after a back-off.
Takes the notification, who held it, why, how long Telegram asked to wait, what else it waits for (''messenger'' or
''token''), and whether it may have arrived although no answer came. Returns false if another sidecar has taken over the
claim.';
