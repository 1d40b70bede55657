CREATE FUNCTION ghostwatch._covered_alerts(
    notification_id bigint
)
RETURNS jsonb
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_covered_alerts$
    WITH RECURSIVE kept AS (
        SELECT n.notification_id, n.alert_id
        FROM ghostwatch.notification AS n
        WHERE n.covered_by = _covered_alerts.notification_id
        UNION ALL
        -- A digest contains an outage summary of the night, and all that the summary would have contained.
        SELECT n.notification_id, n.alert_id
        FROM kept AS k
        INNER JOIN ghostwatch.notification AS n ON n.covered_by = k.notification_id
    )
    SELECT coalesce(
        jsonb_agg(to_jsonb(a) ORDER BY a.state, a.severity, a.alert_id),
        '[]'
    )
    FROM ghostwatch.alert AS a
    WHERE a.alert_id IN (SELECT k.alert_id FROM kept AS k)
        AND a.alert_id IS DISTINCT FROM (
            SELECT n.alert_id FROM ghostwatch.notification AS n WHERE n.notification_id = _covered_alerts.notification_id
        )
$_covered_alerts$;

COMMENT ON FUNCTION ghostwatch._covered_alerts(bigint) IS
'The content of a digest or outage summary: the alerts whose messages were kept back for it, as they are now. Takes the
digest or outage summary; returns an array of alerts (without the outage that an outage summary is itself about),
those still firing first.';
