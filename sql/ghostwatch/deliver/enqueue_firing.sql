CREATE FUNCTION ghostwatch._enqueue_firing(
    channel_id integer,
    moved boolean,
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_enqueue_firing$
DECLARE
    firing bigint;
BEGIN
    FOR firing IN
        SELECT a.alert_id
        FROM ghostwatch.alert AS a
        WHERE a.state = 'firing'
            AND (moved OR NOT EXISTS (
                SELECT FROM ghostwatch.notification AS n
                WHERE n.alert_id = a.alert_id AND n.channel_id = _enqueue_firing.channel_id
            ))
        ORDER BY a.alert_id
    LOOP
        PERFORM ghostwatch._enqueue(firing, 'opened', as_of, channel_id);
    END LOOP;
END
$_enqueue_firing$;

COMMENT ON FUNCTION ghostwatch._enqueue_firing(integer, boolean, timestamptz) IS
'Sends a channel the firing alerts that its chat does not know: the channel is new, or its filters let more pass. Takes
the channel, whether it has moved to another chat, and the time.';
