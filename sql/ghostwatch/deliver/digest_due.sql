CREATE FUNCTION ghostwatch._digest_due(
    channel_id integer,
    due_at timestamptz,
    as_of timestamptz
)
RETURNS bigint
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_digest_due$
    -- One that still waits from the last night, since Telegram was unreachable, waits for this one's end as well.
    INSERT INTO ghostwatch.notification AS n (channel_id, reason, created_at, next_attempt_at)
    VALUES (_digest_due.channel_id, 'digest', as_of, due_at)
    ON CONFLICT (channel_id) WHERE reason = 'digest' AND state = 'pending' DO UPDATE
    SET next_attempt_at = greatest(n.next_attempt_at, excluded.next_attempt_at)
    RETURNING n.notification_id
$_digest_due$;

COMMENT ON FUNCTION ghostwatch._digest_due(integer, timestamptz, timestamptz) IS
'The digest that waits for the end of a channel''s quiet hours; makes it if there is none yet. Takes the channel, when
it is due and the time. Returns the notification''s id.';
