CREATE FUNCTION ghostwatch._queue_summary(
    contracts text[],
    facts jsonb,
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_queue_summary$
-- The summary takes the place of the messages that were kept for it.
DECLARE
    channel ghostwatch.channel;
    entered bigint;
BEGIN
    FOR channel IN
        SELECT c.*
        FROM ghostwatch.channel AS c
        WHERE c.contracts IS NULL
            OR c.contracts && _queue_summary.contracts
        ORDER BY c.channel_id
    LOOP
        INSERT INTO ghostwatch.notification AS n (channel_id, reason, payload, created_at, next_attempt_at)
        VALUES (
            channel.channel_id,
            'maintenance',
            facts || jsonb_build_object('found', (
                SELECT coalesce(jsonb_agg(f.item), '[]')
                FROM jsonb_array_elements(facts -> 'found') AS f (item)
                WHERE f.item ->> 'contract' = ANY (_queue_summary.contracts)
                    AND (channel.contracts IS NULL OR f.item ->> 'contract' = ANY (channel.contracts))
            )),
            as_of,
            as_of
        )
        RETURNING n.notification_id INTO entered;

        UPDATE ghostwatch.notification AS n
        SET
            state = 'superseded',
            state_reason = 'covered by the summary of a maintenance window',
            covered_by = entered
        WHERE n.channel_id = channel.channel_id
            AND n.state = 'pending'
            AND n.next_attempt_at = 'infinity'
            AND n.alert_id IN (SELECT a.alert_id FROM ghostwatch.alert AS a WHERE a.contract = ANY (_queue_summary.contracts));

        PERFORM ghostwatch._wake_sidecars();
    END LOOP;
END
$_queue_summary$;

COMMENT ON FUNCTION ghostwatch._queue_summary(text[], jsonb, timestamptz) IS
'Puts the summary of a maintenance window into the outbox of every channel that gets alerts of one of the contracts.';
