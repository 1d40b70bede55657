CREATE FUNCTION ghostwatch._delivery_decision(
    its_alert ghostwatch.alert,
    channel ghostwatch.channel,
    as_of timestamptz,
    OUT state text,
    OUT state_reason text,
    OUT covered_by bigint,
    OUT next_attempt_at timestamptz
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_delivery_decision$
DECLARE
    quiet_until timestamptz := ghostwatch._quiet_until(channel, as_of);
BEGIN
    state := 'pending';
    next_attempt_at := as_of;

    -- Somebody waits for it, and no digest or summary is to count it.
    IF its_alert.kind = 'drill' THEN
        RETURN;
    END IF;

    SELECT format('silence %s by %s until %s: %s', s.silence_id, s.created_by, s.ends_at, s.comment)
    INTO state_reason
    FROM ghostwatch.silence AS s
    WHERE s.silence_id = its_alert.silence_id
        AND s.ends_at > as_of;
    IF FOUND THEN
        state := 'suppressed';
        RETURN;
    END IF;

    -- Where a silence suppressed everything about an incident, its end is no news.
    IF its_alert.state = 'resolved' AND NOT EXISTS (
        SELECT
        FROM ghostwatch.notification AS n
        WHERE n.alert_id = its_alert.alert_id
            AND n.channel_id = channel.channel_id
            AND n.reason NOT IN ('updated', 'details', 'repaired')
            AND n.created_at >= greatest(its_alert.opened_at, its_alert.reopened_at)
            AND (n.state <> 'suppressed' OR n.covered_by IS NOT NULL)
    ) THEN
        state := 'suppressed';
        state_reason := 'a silence suppressed all messages about this incident';
        RETURN;
    END IF;

    IF quiet_until IS NOT NULL AND (its_alert.severity = 'warn' OR channel.quiet_errors) THEN
        state := 'suppressed';
        state_reason := format('quiet hours until %s', quiet_until);
        covered_by := ghostwatch._digest_due(channel.channel_id, quiet_until, as_of);
        RETURN;
    END IF;

    -- While the checks of a contract come back after an outage, what they find is kept for one outage summary.
    IF its_alert.kind <> 'checks_stopped' AND EXISTS (
        SELECT
        FROM ghostwatch.alert AS a
        WHERE a.kind = 'checks_stopped'
            AND a.state = 'firing'
            AND (a.evidence -> 'contracts' ? its_alert.contract) IS NOT FALSE
    ) THEN
        state_reason := 'kept for the outage summary';
        next_attempt_at := 'infinity';
    END IF;

    -- Likewise for the checks after a maintenance window.
    IF EXISTS (
        SELECT
        FROM ghostwatch.maintenance AS m
        INNER JOIN ghostwatch.contract AS c
            ON pg_has_role(m.owner, c.owner, 'USAGE')
        WHERE m.summarized_at IS NULL
            AND m.ends_at <= as_of
            AND c.name = its_alert.contract
    ) THEN
        state_reason := 'kept for the summary of a maintenance window';
        next_attempt_at := 'infinity';
    END IF;
END
$_delivery_decision$;

COMMENT ON FUNCTION ghostwatch._delivery_decision(ghostwatch.alert, ghostwatch.channel, timestamptz) IS
'How a new message about an alert enters the outbox of a channel: at once, later, or not at all, and why. Takes the
alert, the channel and the time. Returns the state and, if it is not sent now, why not and which notification says it
later.';
