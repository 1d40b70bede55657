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
DECLARE
    its_alert ghostwatch.alert;
    channel   ghostwatch.channel;
BEGIN
    SELECT a.* INTO STRICT its_alert FROM ghostwatch.alert AS a WHERE a.alert_id = _enqueue.alert_id;

    -- Disabled channels too: what is meant for them is sent when they are enabled again.
    FOR channel IN
        SELECT c.*
        FROM ghostwatch.channel AS c
        WHERE (only_channel_id IS NULL OR c.channel_id = only_channel_id)
            AND (
                (
                    (c.contracts IS NULL OR its_alert.contract IS NULL OR its_alert.contract = ANY (c.contracts))
                    AND (c.min_severity = 'warn' OR its_alert.severity = 'error')
                )
                OR ghostwatch._is_following(its_alert.alert_id, c.channel_id)
            )
        ORDER BY c.channel_id
    LOOP
        IF reason <> 'updated' THEN
            PERFORM ghostwatch._queue_message(its_alert, channel, reason, as_of);
        END IF;

        -- The first message always shows where the incident stands.
        PERFORM ghostwatch._queue_edit(_enqueue.alert_id, channel.channel_id, as_of);
    END LOOP;
END
$_enqueue$;

COMMENT ON FUNCTION ghostwatch._enqueue(bigint, text, timestamptz, integer) IS
'Puts a message about an alert, or an edit, into the outbox of every channel whose filters let it pass. Takes the
alert, the reason (''updated'' for an edit, anything else for a new message), the time, and one channel if only that one
is meant.';
