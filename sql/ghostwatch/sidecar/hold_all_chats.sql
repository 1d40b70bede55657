CREATE FUNCTION ghostwatch.hold_all_chats(
    retry_after interval
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $hold_all_chats$
    INSERT INTO ghostwatch.dispatch AS d (held_until)
    VALUES (ghostwatch._clock() + least(greatest(hold_all_chats.retry_after, '0'), '1 hour'))
    ON CONFLICT ON CONSTRAINT dispatch_pkey DO UPDATE
    SET held_until = greatest(d.held_until, excluded.held_until)
$hold_all_chats$;

COMMENT ON FUNCTION ghostwatch.hold_all_chats(interval) IS
'Sends nothing to any chat for as long as Telegram asked the bot itself to wait, an hour at most. Takes for how long;
more than an hour counts as an hour, after which Telegram is asked again.';
