CREATE FUNCTION ghostwatch._next_alert_due(
    invariant_id integer,
    since timestamptz
)
RETURNS timestamptz
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_next_alert_due$
-- (plpgsql, so that a session that runs checks again and again plans this once.)
DECLARE
    moment timestamptz;
BEGIN
    SELECT min(m.moment)
    INTO moment
    FROM (
        -- It resolves after nothing was wrong for a while; or it is repeated.
        SELECT least(
            a.clear_since + ghostwatch._setting('resolve_after')::interval,
            CASE
                WHEN a.clear_since IS NULL AND a.acknowledged_at IS NULL
                THEN a.last_notified_at + ghostwatch._setting('repeat_interval')::interval
            END
        ) AS moment
        FROM ghostwatch.alert AS a
        WHERE a.state = 'firing'
            AND a.invariant_id = _next_alert_due.invariant_id
        UNION ALL
        -- A silence of its contract begins or ends.
        SELECT CASE WHEN s.starts_at > since THEN s.starts_at ELSE s.ends_at END
        FROM ghostwatch.alert AS a
        INNER JOIN ghostwatch.silence AS s ON s.contract = a.contract
        WHERE a.state = 'firing'
            AND a.invariant_id = _next_alert_due.invariant_id
            AND s.ends_at > since
        UNION ALL
        -- The share of those in violation is counted by whole minutes of birth, one of which leaves the watch, or could be an error.
        SELECT date_trunc('minute', since - l.age) + '1 minute'::interval + l.age
        FROM ghostwatch.invariant AS i
        CROSS JOIN LATERAL (VALUES (i.error_after), (i.watch_for)) AS l (age)
        WHERE i.invariant_id = _next_alert_due.invariant_id
            AND i.min_rate > 0
            AND EXISTS (
                SELECT FROM ghostwatch.violation AS v WHERE v.invariant_id = i.invariant_id AND v.closed_at IS NULL
            )
        UNION ALL
        -- A failing check is an error once nothing was checked for three periods.
        SELECT p.failing_since + 3 * ghostwatch._setting('check_period')::interval
        FROM ghostwatch.check_progress AS p
        WHERE p.invariant_id = _next_alert_due.invariant_id
        UNION ALL
        -- Alerts wait for the end of maintenance.
        SELECT w.ends_at
        FROM ghostwatch.maintenance AS w
        WHERE w.summarized_at IS NULL
    ) AS m
    WHERE m.moment > since;

    RETURN moment;
END
$_next_alert_due$;

COMMENT ON FUNCTION ghostwatch._next_alert_due(integer, timestamptz) IS
'When time alone next changes the alerts of an invariant: one resolves, is repeated, is silenced or no longer, or maintenance ends; NULL where nothing does.
since: the last check, which decided all that was due.';
