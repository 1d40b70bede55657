CREATE FUNCTION ghostwatch._delivery_problems(
    as_of timestamptz
)
RETURNS SETOF text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_delivery_problems$
    -- A closed channel matters where no other channel gets the alert; a digest that waits there counts as one alert.
    SELECT format('Channel %s is closed (%s), and no other channel gets %s.', c.name, c.disabled_reason, ghostwatch._pluralize(count(DISTINCT coalesce(n.alert_id, -n.notification_id)), 'alert'))
    FROM ghostwatch.channel AS c
    INNER JOIN ghostwatch.notification AS n
        ON n.channel_id = c.channel_id
    WHERE c.disabled_at IS NOT NULL
        AND n.state = 'pending'
        AND n.reason NOT IN ('updated', 'events', 'details', 'channel_closed')
        AND NOT EXISTS (
            SELECT
            FROM ghostwatch.notification AS other
            INNER JOIN ghostwatch.channel AS reached
                ON reached.channel_id = other.channel_id
            WHERE other.alert_id = n.alert_id
                AND other.state <> 'failed'
                AND reached.disabled_at IS NULL
        )
    GROUP BY c.channel_id
    UNION ALL
    SELECT format('Telegram wants nothing sent to channel %s before %s.', c.name, held.held_until::timestamptz(0))
    FROM ghostwatch.chat AS held
    INNER JOIN ghostwatch.channel AS c
        ON c.chat_id = held.chat_id
    WHERE held.held_until > as_of + '1 minute'::interval
        AND EXISTS (
            SELECT
            FROM ghostwatch.notification AS n
            WHERE n.channel_id = c.channel_id
                AND n.state IN ('pending', 'claimed')
        )
    UNION ALL
    SELECT format('Telegram wants nothing sent by this bot before %s.', d.held_until::timestamptz(0))
    FROM ghostwatch.dispatch AS d
    WHERE d.held_until > as_of + '1 minute'::interval
        AND isfinite(d.held_until)
    UNION ALL
    SELECT format('The oldest notification that should have been sent waits since %s.', o.since::timestamptz(0))
    FROM ghostwatch._overdue_since(as_of) AS o (since)
    WHERE o.since < as_of - '5 minutes'::interval
$_delivery_problems$;

COMMENT ON FUNCTION ghostwatch._delivery_problems(timestamptz) IS
'What keeps alerts back at the moment, a sentence each; no row while all is well.';
