CREATE FUNCTION ghostwatch.notification_failed(
    notification_id bigint,
    worker text,
    error text,
    disable_channel boolean DEFAULT false
)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $notification_failed$
DECLARE
    as_of   constant timestamptz := ghostwatch._clock();
    said    constant text := ghostwatch._one_line(notification_failed.error);
    claimed constant ghostwatch.notification := ghostwatch._claimed_notification(notification_id, worker);
    closed  ghostwatch.channel;
BEGIN
    IF claimed.notification_id IS NULL THEN
        RETURN false;
    END IF;

    IF notification_failed.disable_channel THEN
        UPDATE ghostwatch.channel
        SET
            disabled_at = as_of,
            disabled_reason = said
        WHERE channel.channel_id = claimed.channel_id
            AND channel.disabled_at IS NULL
        RETURNING channel.* INTO closed;

        PERFORM ghostwatch._requeue(claimed, said, as_of, claimed.attempts + 1);

        IF closed.channel_id IS NOT NULL THEN
            PERFORM ghostwatch._announce_closed_channel(closed, as_of);
        END IF;
    ELSE
        PERFORM ghostwatch._give_up(claimed, said);
    END IF;

    PERFORM ghostwatch._chat_answered(claimed.channel_id, as_of);
    PERFORM ghostwatch._advance_drill(claimed.alert_id, as_of);

    RETURN true;
END
$notification_failed$;

COMMENT ON FUNCTION ghostwatch.notification_failed(bigint, text, text, boolean) IS
'Records that trying again would not help; where it is the channel''s fault, disables the channel and lets the
notification wait. Takes the notification, who held it, why, and whether it is the channel''s fault: then the channel
is disabled with the reason, the other channels get a message about that, and the notification waits until it is
enabled. Returns false if another sidecar has taken over the claim.';
