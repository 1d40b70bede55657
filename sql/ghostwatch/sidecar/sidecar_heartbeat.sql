CREATE FUNCTION ghostwatch.sidecar_heartbeat(
    worker text,
    version text,
    listening boolean,
    problem text DEFAULT NULL,
    cannot_send boolean DEFAULT false
)
RETURNS TABLE (
    notifications_waiting bigint,
    events_waiting bigint,
    oldest_waiting_seconds double precision,
    notifications_failed bigint,
    channels_disabled bigint,
    checks_succeeded_at timestamptz,
    checks_fresh boolean,
    problems text[],
    installed_version text
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $sidecar_heartbeat$
-- Checks that never ran so far do not count.
DECLARE
    as_of     constant timestamptz := ghostwatch._clock();
    its_name  constant text := ghostwatch._one_line(sidecar_heartbeat.worker, 100);
BEGIN
    -- Those that died, and run under another name now, are removed, and no role can fill the table.
    DELETE FROM ghostwatch.sidecar AS dead
    WHERE dead.worker <> its_name
        AND (
            dead.seen_at < as_of - ghostwatch._setting('keep_sidecars')::interval
            OR dead.worker IN (SELECT s.worker FROM ghostwatch.sidecar AS s ORDER BY s.seen_at DESC OFFSET 99)
        );

    INSERT INTO ghostwatch.sidecar AS known (worker, version, started_at, seen_at, listening, problem, cannot_send)
    VALUES (
        its_name,
        ghostwatch._one_line(coalesce(sidecar_heartbeat.version, ''), 50),
        as_of,
        as_of,
        coalesce(sidecar_heartbeat.listening, false),
        ghostwatch._one_line(sidecar_heartbeat.problem, 400),
        coalesce(sidecar_heartbeat.cannot_send, false)
    )
    ON CONFLICT ON CONSTRAINT sidecar_pkey DO UPDATE
    SET
        version = excluded.version,
        seen_at = excluded.seen_at,
        listening = excluded.listening,
        problem = excluded.problem,
        cannot_send = excluded.cannot_send;

    RETURN QUERY
    -- The contract that is furthest behind counts: the runs of one role say nothing about the contracts of another.
    WITH checks AS (
        SELECT
            min(c.last_success_at) AS succeeded_at,
            bool_and(NOT c.stopped) AND count(c.last_success_at) > 0 AS fresh
        FROM ghostwatch._stopped_checks(as_of) AS c
    )

    SELECT
        (SELECT count(*) FROM ghostwatch.notification WHERE notification.state IN ('pending', 'claimed')),
        (SELECT count(*) FROM ghostwatch.event WHERE event.gathered_at IS NULL),
        coalesce(greatest(extract(EPOCH FROM as_of - ghostwatch._overdue_since(as_of)), 0), 0)::double precision,
        (SELECT count(*) FROM ghostwatch.notification WHERE notification.state = 'failed'),
        (SELECT count(*) FROM ghostwatch.channel WHERE channel.disabled_at IS NOT NULL),
        checks.succeeded_at,
        coalesce(checks.fresh, false),
        ARRAY(SELECT p FROM ghostwatch._delivery_problems(as_of) AS p),
        (SELECT i.version FROM ghostwatch.installation AS i)
    FROM checks;
END
$sidecar_heartbeat$;

COMMENT ON FUNCTION ghostwatch.sidecar_heartbeat(text, text, boolean, text, boolean) IS
'The sidecar reports that it is running, and learns how outbox and checks are: each watches the other. Takes its name,
version, whether NOTIFY reaches it, what is wrong with it, if anything, and whether that keeps every message. Returns
one row: what waits and for how long, what was given up, since when and whether the checks of every contract succeed
in time (else ghostwatch.detect_stopped_checks() has raised an alert), what keeps alerts back, and the version of
ghostwatch in the database.';
