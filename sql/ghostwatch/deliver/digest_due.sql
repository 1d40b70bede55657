CREATE FUNCTION ghostwatch._digest_due(
    channel_id integer,
    due_at timestamptz,
    as_of timestamptz
) RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_digest_due$
-- The digest that waits for the end of a channel's quiet hours; makes it if there is none yet.
-- Takes the channel, when it is due and the time. Returns the notification's id.
DECLARE
    digest_id bigint;
BEGIN
    INSERT INTO ghostwatch.notification (channel_id, reason, created_at, next_attempt_at)
    VALUES (channel_id, 'digest', as_of, due_at)
    ON CONFLICT DO NOTHING;

    SELECT n.notification_id INTO STRICT digest_id
    FROM ghostwatch.notification AS n
    WHERE n.channel_id = _digest_due.channel_id
        AND n.reason = 'digest'
        AND n.state = 'pending';

    RETURN digest_id;
END
$_digest_due$;

COMMENT ON FUNCTION ghostwatch._digest_due(integer, timestamptz, timestamptz) IS
'The digest that waits for the end of a channel''s quiet hours, made if need be.';
