CREATE FUNCTION ghostwatch._due_again(
    waited_for text[],
    as_of timestamptz
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_due_again$
    -- What several notifications waited for has come: all of them are due, whatever back-off each is in.
    UPDATE ghostwatch.notification
    SET
        next_attempt_at = _due_again.as_of,
        waits_for = NULL
    WHERE notification.state = 'pending'
        AND notification.waits_for = ANY (_due_again.waited_for)
$_due_again$;

COMMENT ON FUNCTION ghostwatch._due_again(text[], timestamptz) IS
'Makes everything due that waited for Telegram or for the token.';
