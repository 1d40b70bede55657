CREATE FUNCTION ghostwatch._enqueue(
    alert_id bigint,
    reason text,
    as_of timestamptz,
    only_channel_id integer DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_enqueue$
-- Puts what there is to tell about an alert into the outbox of every channel that is meant to hear of it.
-- Takes the alert, why it is told ('updated' for an edit, anything else for a new message), the time, and one
-- channel if only that one is told.
DECLARE
    told    ghostwatch.alert;
    channel ghostwatch.channel;
BEGIN
    SELECT a.* INTO STRICT told FROM ghostwatch.alert AS a WHERE a.alert_id = _enqueue.alert_id;

    -- Disabled channels are told as well: what is meant for them goes out when they are enabled again.
    FOR channel IN
        SELECT c.*
        FROM ghostwatch.channel AS c
        WHERE (only_channel_id IS NULL OR c.channel_id = only_channel_id)
            AND (c.contracts IS NULL OR told.contract IS NULL OR told.contract = ANY (c.contracts))
            AND (
                c.min_severity = 'warn'
                OR told.severity = 'error'
                OR ghostwatch._is_following(told.alert_id, c.channel_id)
            )
        ORDER BY c.channel_id
    LOOP
        IF reason <> 'updated' THEN
            PERFORM ghostwatch._queue_message(told, channel, reason, as_of);
        END IF;

        -- The first message always shows where the incident stands.
        PERFORM ghostwatch._queue_edit(_enqueue.alert_id, channel.channel_id, as_of);
    END LOOP;
END
$_enqueue$;

COMMENT ON FUNCTION ghostwatch._enqueue(bigint, text, timestamptz, integer) IS
'Puts what there is to tell about an alert into the outbox, channel by channel.';
