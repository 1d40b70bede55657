CREATE FUNCTION ghostwatch._queue_notice(
    contract text,
    reason text,
    facts jsonb,
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_queue_notice$
-- Such a message is about no alert, so that no severity and no silence keeps it back.
BEGIN
    INSERT INTO ghostwatch.notification (channel_id, reason, payload, created_at, next_attempt_at)
    SELECT c.channel_id, reason, facts, as_of, as_of
    FROM ghostwatch.channel AS c
    WHERE c.disabled_at IS NULL
        AND (c.contracts IS NULL OR _queue_notice.contract = ANY (c.contracts));

    IF FOUND THEN
        PERFORM ghostwatch._wake_sidecars();
    END IF;
END
$_queue_notice$;

COMMENT ON FUNCTION ghostwatch._queue_notice(text, text, jsonb, timestamptz) IS
'Puts a message that is about no alert into the outbox of every channel that gets alerts of a contract.
reason: as in ghostwatch.notification. facts: what its template shows.';
