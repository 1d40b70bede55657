CREATE FUNCTION ghostwatch.notification_sent(
    notification_id bigint,
    worker text,
    message_id bigint
)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $notification_sent$
-- What waited because Telegram did not answer is due now. It counts even after the lease has ended: the message is
-- there, whoever holds the claim by now, and even if a later one was to take its place.
DECLARE
    as_of  constant timestamptz := ghostwatch._clock();
    target integer;
    drilled bigint;
BEGIN
    UPDATE ghostwatch.notification
    SET
        state = 'sent',
        state_reason = NULL,
        covered_by = NULL,
        claimed_by = notification_sent.worker,
        lease_until = NULL,
        waits_for = NULL,
        message_id = notification_sent.message_id,
        sent_at = as_of
    WHERE notification.notification_id = notification_sent.notification_id
        AND notification.state IN ('pending', 'claimed', 'superseded')
        AND notification.rendered_at IS NOT NULL
    RETURNING notification.channel_id, notification.alert_id
    INTO target, drilled;

    PERFORM ghostwatch._chat_answered(target, as_of);

    PERFORM ghostwatch._due_again('{messenger}', as_of);
    PERFORM ghostwatch._advance_drill(drilled, as_of);

    RETURN target IS NOT NULL;
END
$notification_sent$;

COMMENT ON FUNCTION ghostwatch.notification_sent(bigint, text, bigint) IS
'Records that a notification reached its chat, and as which message; false if that was known already. ';
