CREATE FUNCTION ghostwatch.page_changes()
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
-- A definer, so that the viewer's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $page_changes$
    SELECT concat_ws(
        ' ',
        -- Of the checks themselves: a run that found nothing new is not on record.
        (SELECT max(p.last_success_at) || ' ' || count(p.failing_since) FROM ghostwatch.check_progress AS p),
        (SELECT max(n.notification_id) FROM ghostwatch.notification AS n),
        (SELECT count(*) FROM ghostwatch.notification AS n WHERE n.state IN ('pending', 'claimed')),
        (SELECT max(s.silence_id::text || s.ends_at) FROM ghostwatch.silence AS s WHERE s.ends_at > ghostwatch._clock()),
        (SELECT max(m.maintenance_id::text || m.ends_at) FROM ghostwatch.maintenance AS m WHERE m.ends_at > ghostwatch._clock()),
        ghostwatch._setting('paused'),
        (SELECT count(*) FROM ghostwatch.channel AS c WHERE c.disabled_at IS NOT NULL),
        (SELECT count(*) FROM ghostwatch.sidecar AS s WHERE s.seen_at >= ghostwatch._clock() - '2 minutes'::interval),
        (SELECT count(*) FROM ghostwatch.invariant AS i),
        (
            SELECT md5(string_agg(ROW(a.alert_id, a.severity, a.changed_at, a.acknowledged_at, a.silence_id)::text, ' ' ORDER BY a.alert_id))
            FROM ghostwatch.alert AS a
            WHERE a.state = 'firing'
        )
    )
$page_changes$;

COMMENT ON FUNCTION ghostwatch.page_changes() IS
'A text that differs from the one before when the page may look different: asked every second while somebody looks.';
