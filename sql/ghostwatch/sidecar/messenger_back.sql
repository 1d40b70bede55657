CREATE FUNCTION ghostwatch.messenger_back()
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $messenger_back$
    SELECT ghostwatch._due_again('{messenger,token}', ghostwatch._clock())
$messenger_back$;

COMMENT ON FUNCTION ghostwatch.messenger_back() IS
'Telegram answers again and takes the token: makes everything due that waited for that.';
