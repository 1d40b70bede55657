CREATE FUNCTION ghostwatch._announce_repairs(
    invariant_id integer,
    as_of timestamptz,
    at_most_hourly boolean DEFAULT false,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_announce_repairs$
-- A message counts what was repaired since the one before, so that repairs of every minute make one message an hour.
-- Errors are named by their SQLSTATE only: their text may hold values of users.
DECLARE
    its_alert ghostwatch.alert;
    announced_at timestamptz;
    facts jsonb;
BEGIN
    PERFORM ghostwatch._require_own_invariant(_announce_repairs.invariant_id, credential);

    SELECT a.* INTO its_alert
    FROM ghostwatch.alert AS a
    WHERE a.kind = 'violations'
        AND coalesce(a.invariant_id, 0) = _announce_repairs.invariant_id
    ORDER BY a.resolved_at DESC NULLS FIRST
    LIMIT 1;
    IF NOT FOUND THEN
        RETURN;
    END IF;

    SELECT max(n.created_at) INTO announced_at
    FROM ghostwatch.notification AS n
    WHERE n.alert_id = its_alert.alert_id
        AND n.reason = 'repaired';
    IF at_most_hourly AND announced_at > as_of - '1 hour'::interval THEN
        RETURN;
    END IF;

    SELECT jsonb_build_object(
        'repaired', count(*) FILTER (WHERE a.outcome = 'repaired'),
        'still_broken', count(*) FILTER (WHERE a.outcome = 'still broken'),
        'failed', count(*) FILTER (WHERE a.outcome = 'failed'),
        'error_states', (array_agg(DISTINCT a.error_state) FILTER (WHERE a.error_state IS NOT NULL))[1:5]
    )
    INTO facts
    FROM ghostwatch.repair_attempt AS a
    WHERE a.invariant_id = _announce_repairs.invariant_id
        AND a.attempted_at >= its_alert.opened_at
        AND (a.attempted_at > announced_at) IS NOT FALSE
    HAVING count(*) > 0;
    IF FOUND THEN
        PERFORM ghostwatch._queue_repairs(its_alert, facts, as_of);
    END IF;
END
$_announce_repairs$;

COMMENT ON FUNCTION ghostwatch._announce_repairs(integer, timestamptz, boolean, uuid) IS
'Announces what was repaired in the thread of the latest alert of an invariant.
at_most_hourly: leaves it to a later call, if the last message is less than an hour old. Raises GW008, GW061.';
