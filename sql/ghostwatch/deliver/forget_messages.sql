CREATE FUNCTION ghostwatch._forget_messages(
    channel_id integer
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_forget_messages$
    UPDATE ghostwatch.notification
    SET message_id = NULL
    WHERE notification.channel_id = _forget_messages.channel_id
        AND notification.message_id IS NOT NULL
$_forget_messages$;

COMMENT ON FUNCTION ghostwatch._forget_messages(integer) IS
'A channel leads to another chat from now on, where its messages are not: none of them can be edited or replied to.';
