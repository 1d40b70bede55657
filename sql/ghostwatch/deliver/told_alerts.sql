CREATE FUNCTION ghostwatch._told_alerts(
    notification_id bigint
) RETURNS jsonb
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_told_alerts$
    -- What a digest or recap tells: the alerts whose messages were kept back for it, as they are now.
    -- Takes the digest or recap; returns an array of alerts (without the outage that a recap is itself about),
    -- those still firing first.
    SELECT coalesce(
        jsonb_agg(to_jsonb(a) ORDER BY a.state, a.severity, a.alert_id),
        '[]'
    )
    FROM ghostwatch.alert AS a
    WHERE a.alert_id IN (
        SELECT n.alert_id
        FROM ghostwatch.notification AS n
        INNER JOIN ghostwatch.notification AS teller ON teller.notification_id = n.told_by
        WHERE n.told_by = _told_alerts.notification_id
            AND n.alert_id IS DISTINCT FROM teller.alert_id
    )
$_told_alerts$;

COMMENT ON FUNCTION ghostwatch._told_alerts(bigint) IS
'The alerts that a digest or recap tells, as they are now.';
