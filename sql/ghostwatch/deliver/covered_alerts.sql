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
    WITH RECURSIVE kept AS (
        SELECT n.notification_id, n.alert_id
        FROM ghostwatch.notification AS n
        WHERE n.told_by = _told_alerts.notification_id
        UNION ALL
        -- A recap that came at night is told by the digest, and so is all that it would have told.
        SELECT n.notification_id, n.alert_id
        FROM kept AS k
        INNER JOIN ghostwatch.notification AS n ON n.told_by = k.notification_id
    )
    SELECT coalesce(
        jsonb_agg(to_jsonb(a) ORDER BY a.state, a.severity, a.alert_id),
        '[]'
    )
    FROM ghostwatch.alert AS a
    WHERE a.alert_id IN (SELECT k.alert_id FROM kept AS k)
        AND a.alert_id IS DISTINCT FROM (
            SELECT n.alert_id FROM ghostwatch.notification AS n WHERE n.notification_id = _told_alerts.notification_id
        )
$_told_alerts$;

COMMENT ON FUNCTION ghostwatch._told_alerts(bigint) IS
'The alerts that a digest or recap tells, as they are now.';
