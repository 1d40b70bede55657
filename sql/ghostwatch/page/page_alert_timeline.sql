CREATE FUNCTION ghostwatch.page_alert_timeline(
    alert_id bigint
)
RETURNS TABLE (
    happened_at timestamptz,
    what text,
    detail text
)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
ROWS 20
-- A definer, so that the viewer's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $page_alert_timeline$
-- Edits of a message are left out.
BEGIN
    PERFORM ghostwatch._require_alert(page_alert_timeline.alert_id);

    RETURN QUERY
    SELECT e.happened_at, e.what, e.detail
    FROM (
        SELECT step.at, step.name, step.said, step.place
        FROM ghostwatch.alert AS a
        CROSS JOIN LATERAL (
            VALUES
                (a.opened_at, 'opened', NULL, 1),
                (a.escalated_at, 'escalated', NULL, 2),
                (a.reopened_at, 'reopened', NULL, 3),
                (a.acknowledged_at, 'acknowledged', concat_ws(': ', a.acknowledged_by, a.acknowledge_comment), 4),
                (a.resolved_at, 'resolved', NULL, 6)
        ) AS step (at, name, said, place)
        WHERE a.alert_id = page_alert_timeline.alert_id
            AND step.at IS NOT NULL
        UNION ALL
        SELECT
            s.starts_at,
            'silenced',
            format('until %s by %s: %s', to_char(s.ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'), s.created_by, s.comment),
            4
        FROM ghostwatch.alert AS a
        INNER JOIN ghostwatch.silence AS s
            ON s.contract = a.contract
            AND coalesce(s.invariant = a.invariant, s.invariant IS NULL)
            AND s.starts_at <= coalesce(a.resolved_at, ghostwatch._clock())
            AND s.ends_at >= a.opened_at
        WHERE a.alert_id = page_alert_timeline.alert_id
        UNION ALL
        SELECT
            date_trunc('minute', r.attempted_at),
            'repaired',
            concat_ws(
                ', ',
                nullif(count(*) FILTER (WHERE r.outcome = 'repaired'), 0) || ' repaired, verified',
                nullif(count(*) FILTER (WHERE r.outcome = 'still broken'), 0) || ' still broken',
                nullif(count(*) FILTER (WHERE r.outcome = 'failed'), 0) || ' failed',
                nullif(count(*) FILTER (WHERE r.outcome = 'unverified'), 0) || ' not verified yet'
            ),
            5
        FROM ghostwatch.alert AS a
        INNER JOIN ghostwatch.repair_attempt AS r
            ON r.invariant_id = a.invariant_id
            AND r.attempted_at >= a.opened_at
            AND r.attempted_at <= coalesce(a.resolved_at, 'infinity')
        WHERE a.alert_id = page_alert_timeline.alert_id
            AND a.kind = 'violations'
        GROUP BY date_trunc('minute', r.attempted_at)
        UNION ALL
        SELECT
            coalesce(n.sent_at, n.created_at),
            'message',
            format('%s, to %s: %s', n.reason, c.name, CASE
                WHEN n.state = 'sent' THEN concat('sent', ' as message ' || n.message_id)
                ELSE concat_ws(', ', n.state, n.state_reason)
            END),
            7
        FROM ghostwatch.notification AS n
        INNER JOIN ghostwatch.channel AS c
            ON c.channel_id = n.channel_id
        WHERE n.alert_id = page_alert_timeline.alert_id
            AND n.reason NOT IN ('updated', 'details')
    ) AS e (happened_at, what, detail, place)
    ORDER BY e.happened_at, e.place;
END
$page_alert_timeline$;

COMMENT ON FUNCTION ghostwatch.page_alert_timeline(bigint) IS
'What happened to an alert and which messages were sent about it, in order of time, for the page. what: opened,
escalated, reopened, acknowledged, silenced, repaired (by the minute), resolved, or message. Raises GW030 (no such alert).';
