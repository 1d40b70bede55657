CREATE FUNCTION ghostwatch.sidecar_heartbeat(
    worker text,
    version text,
    listening boolean,
    problem text DEFAULT NULL
)
RETURNS TABLE (
    notifications_waiting bigint,
    events_waiting bigint,
    oldest_waiting_at timestamptz,
    notifications_failed bigint,
    channels_disabled bigint,
    checks_succeeded_at timestamptz,
    checks_fresh boolean,
    outbox_healthy boolean
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $sidecar_heartbeat$
-- The sidecar says that it lives, and hears how outbox and checks are; both watch each other this way.
-- Takes its name, version, whether NOTIFY reaches it, and what is wrong with it, if anything.
-- Returns one row: what waits and since when (what waits for a disabled channel or for its time is not late),
-- what was given up, and whether checks succeed in time (else ghostwatch.watch_checks() has raised an alert).
DECLARE
    as_of constant timestamptz := ghostwatch._clock();
BEGIN
    INSERT INTO ghostwatch.sidecar AS known (worker, version, started_at, seen_at, listening, problem)
    VALUES (
        sidecar_heartbeat.worker,
        sidecar_heartbeat.version,
        as_of,
        as_of,
        sidecar_heartbeat.listening,
        sidecar_heartbeat.problem
    )
    ON CONFLICT ON CONSTRAINT sidecar_pkey DO UPDATE
    SET
        version = excluded.version,
        seen_at = excluded.seen_at,
        listening = excluded.listening,
        problem = excluded.problem;

    RETURN QUERY
    WITH waiting AS (
        SELECT
            count(*) AS total,
            min(notification.created_at) FILTER (
                WHERE channel.disabled_at IS NULL
                    AND (notification.next_attempt_at <= as_of OR notification.attempts > 0)
            ) AS oldest_at
        FROM ghostwatch.notification
        INNER JOIN ghostwatch.channel
            ON channel.channel_id = notification.channel_id
        WHERE notification.state IN ('pending', 'claimed')
    ),

    checks AS (
        SELECT max(check_progress.last_success_at) AS succeeded_at
        FROM ghostwatch.check_progress
    )

    SELECT
        waiting.total,
        (SELECT count(*) FROM ghostwatch.event WHERE event.gathered_at IS NULL),
        waiting.oldest_at,
        (SELECT count(*) FROM ghostwatch.notification WHERE notification.state = 'failed'),
        (SELECT count(*) FROM ghostwatch.channel WHERE channel.disabled_at IS NOT NULL),
        checks.succeeded_at,
        coalesce(checks.succeeded_at > as_of - ghostwatch._overdue_after(), false),
        coalesce(waiting.oldest_at > as_of - '5 minutes'::interval, true)
    FROM waiting
    CROSS JOIN checks;
END
$sidecar_heartbeat$;

COMMENT ON FUNCTION ghostwatch.sidecar_heartbeat(text, text, boolean, text) IS
'A sidecar says that it lives, and hears how the outbox and the checks are.';
