CREATE FUNCTION ghostwatch._tell(
    alert_id bigint,
    reason text,
    as_of timestamptz,
    only_channel_id integer DEFAULT NULL
) RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_tell$
-- Puts what there is to tell about an alert into the outbox of every channel that is meant to hear of it.
-- Takes the alert, why it is told ('updated' for an edit, anything else for a new message), the time, and one
-- channel if only that is to hear it. Returns whether anything is waiting to be sent now that was not before.
DECLARE
    told     ghostwatch.alert;
    channel  ghostwatch.channel;
    anything boolean := false;
BEGIN
    IF reason <> 'updated' AND only_channel_id IS NULL THEN
        UPDATE ghostwatch.alert AS a SET told_at = as_of WHERE a.alert_id = _tell.alert_id;
    END IF;

    SELECT a.* INTO STRICT told FROM ghostwatch.alert AS a WHERE a.alert_id = _tell.alert_id;

    -- Disabled channels are told as well: what is meant for them goes out when they are enabled again.
    FOR channel IN
        SELECT c.*
        FROM ghostwatch.channel AS c
        WHERE (only_channel_id IS NULL OR c.channel_id = only_channel_id)
            AND (c.contracts IS NULL OR told.contract IS NULL OR told.contract = ANY (c.contracts))
            AND (c.min_severity = 'warn' OR told.severity = 'error')
        ORDER BY c.channel_id
    LOOP
        IF reason <> 'updated' THEN
            anything := ghostwatch._queue_message(told, channel, reason, as_of) OR anything;
        END IF;

        -- The first message always shows where the incident stands.
        anything := ghostwatch._queue_edit(_tell.alert_id, channel.channel_id, as_of) OR anything;
    END LOOP;

    RETURN anything;
END
$_tell$;

COMMENT ON FUNCTION ghostwatch._tell(bigint, text, timestamptz, integer) IS
'Puts what there is to tell about an alert into the outbox, channel by channel. Returns whether anything new is waiting to be sent.';
