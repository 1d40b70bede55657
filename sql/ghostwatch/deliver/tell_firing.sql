CREATE FUNCTION ghostwatch._tell_firing(
    channel_id integer,
    moved boolean,
    as_of timestamptz
) RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_tell_firing$
-- Tells a channel about firing alerts of which its chat was told nothing so far: it is new, or hears of more now.
-- Takes the channel, whether it has moved to another chat, and the time. Returns whether anything is waiting to be sent now that was not before.
DECLARE
    firing   bigint;
    anything boolean := false;
BEGIN
    FOR firing IN
        SELECT a.alert_id
        FROM ghostwatch.alert AS a
        WHERE a.state = 'firing'
            AND (moved OR NOT EXISTS (
                SELECT FROM ghostwatch.notification AS n
                WHERE n.alert_id = a.alert_id AND n.channel_id = _tell_firing.channel_id
            ))
        ORDER BY a.alert_id
    LOOP
        anything := ghostwatch._tell(firing, 'opened', as_of, channel_id) OR anything;
    END LOOP;

    RETURN anything;
END
$_tell_firing$;

COMMENT ON FUNCTION ghostwatch._tell_firing(integer, boolean, timestamptz) IS
'Tells a channel about firing alerts of which its chat was told nothing so far. Returns whether anything new is waiting to be sent.';
