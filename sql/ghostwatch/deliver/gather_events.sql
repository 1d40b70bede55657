CREATE FUNCTION ghostwatch._gather_events(
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_gather_events$
-- Events that come while a channel's notification still waits are added to it, and between two such messages lies the
-- setting event_interval: a rush of signups becomes a handful of messages.
DECLARE
    gathering jsonb;
    target    record;
BEGIN
    -- Whoever calls this holds the lock under which sidecars claim.
    IF NOT EXISTS (SELECT FROM ghostwatch.event WHERE event.gathered_at IS NULL) THEN
        RETURN;
    END IF;

    WITH taken AS (
        UPDATE ghostwatch.event
        SET gathered_at = _gather_events.as_of
        WHERE event.event_id IN (
            SELECT waiting.event_id
            FROM ghostwatch.event AS waiting
            WHERE waiting.gathered_at IS NULL
            ORDER BY waiting.event_id
            LIMIT 10000
        )
        RETURNING event.*
    ),

    counted AS (
        SELECT
            taken.kind,
            ghostwatch._event_branch(taken.payload) AS branch,
            taken.payload @> '{"new": true}' AS new,
            count(*) AS count
        FROM taken
        GROUP BY 1, 2, 3
    ),

    told_whole AS (
        SELECT taken.*
        FROM taken
        ORDER BY taken.event_id
        LIMIT 10
    )

    SELECT jsonb_build_object(
        'first_at', (SELECT min(taken.created_at) FROM taken),
        'last_at', (SELECT max(taken.created_at) FROM taken),
        'counts', (SELECT jsonb_agg(to_jsonb(counted)) FROM counted),
        'events', (SELECT jsonb_agg(to_jsonb(told_whole) ORDER BY told_whole.event_id) FROM told_whole)
    )
    INTO gathering;

    -- A channel that is out of order keeps its events until it is enabled again.
    FOR target IN
        SELECT
            channel.channel_id,
            waiting.notification_id,
            (
                SELECT max(earlier.sent_at)
                FROM ghostwatch.notification AS earlier
                WHERE earlier.channel_id = channel.channel_id
                    AND earlier.reason = 'events'
                    AND earlier.state = 'sent'
                    AND earlier.created_at > _gather_events.as_of - '1 day'::interval
            ) AS last_notified_at
        FROM ghostwatch.channel
        LEFT JOIN LATERAL (
            SELECT pending.notification_id
            FROM ghostwatch.notification AS pending
            WHERE pending.channel_id = channel.channel_id
                AND pending.reason = 'events'
                AND pending.state = 'pending'
            ORDER BY pending.notification_id DESC
            LIMIT 1
            FOR UPDATE SKIP LOCKED
        ) AS waiting
            ON true
        WHERE channel.events
    LOOP
        IF target.notification_id IS NOT NULL THEN
            UPDATE ghostwatch.notification
            SET payload = ghostwatch._merge_events(notification.payload, gathering)
            WHERE notification.notification_id = target.notification_id;
        ELSE
            INSERT INTO ghostwatch.notification (channel_id, reason, payload, created_at, next_attempt_at)
            VALUES (
                target.channel_id,
                'events',
                ghostwatch._merge_events('{}', gathering),
                _gather_events.as_of,
                greatest(_gather_events.as_of, target.last_notified_at + ghostwatch._setting('event_interval')::interval)
            );
        END IF;
    END LOOP;
END
$_gather_events$;

COMMENT ON FUNCTION ghostwatch._gather_events(timestamptz) IS
'Turns the waiting events into one notification per channel that wants events. Takes the time; at most 10,000 events a
call, so that no call takes long.';
