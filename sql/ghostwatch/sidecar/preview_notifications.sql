CREATE FUNCTION ghostwatch.preview_notifications(
    max_rows integer DEFAULT 100
)
RETURNS SETOF jsonb
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
ROWS 10
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $preview_notifications$
-- What sidecars would be given to send from now on, each message as if those before it had been sent. The pace is left
-- out; chats that are held, and channels that are closed, get nothing. It claims and reports as a sidecar does and
-- undoes that: only what the variables hold remains.
DECLARE
    shown jsonb[] := '{}'::jsonb[];
    given jsonb;
    found boolean := true;
BEGIN
    BEGIN
        WHILE found AND cardinality(shown) < max_rows LOOP
            found := false;
            UPDATE ghostwatch.chat SET next_send_at = '-infinity', recent_sends = '{}';
            UPDATE ghostwatch.dispatch SET next_send_at = '-infinity';

            FOR given IN
                SELECT to_jsonb(c)
                FROM ghostwatch.claim_notifications('preview', least(max_rows - cardinality(shown), 100)) AS c
            LOOP
                found := true;
                shown := shown || given;
                PERFORM ghostwatch.notification_sent((given ->> 'notification_id')::bigint, 'preview', -(given ->> 'notification_id')::bigint);
            END LOOP;
        END LOOP;

        RAISE EXCEPTION SQLSTATE 'UNDO0';
    EXCEPTION
        WHEN SQLSTATE 'UNDO0' THEN
            NULL;
    END;

    RETURN QUERY SELECT s FROM unnest(shown) AS s;
END
$preview_notifications$;

COMMENT ON FUNCTION ghostwatch.preview_notifications(integer) IS
'What sidecars would send from now on, without sending or changing anything: rows of ghostwatch.claim_notifications()
as JSON. A message of the preview has the negative number
of its notification.';
