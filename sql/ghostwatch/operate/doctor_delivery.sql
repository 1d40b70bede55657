CREATE FUNCTION ghostwatch._doctor_delivery()
RETURNS SETOF ghostwatch._finding
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_doctor_delivery$
DECLARE
    as_of     constant timestamptz := ghostwatch._clock();
    alive_from constant timestamptz := as_of - '2 minutes'::interval;
    is_late   constant timestamptz := as_of - '5 minutes'::interval;
    installed constant text := (SELECT i.version FROM ghostwatch.installation AS i);
BEGIN
    -- Of one that was killed only the time when it was last seen is known, and a fresh one may not listen yet.
    RETURN QUERY
    SELECT
        'sidecar',
        CASE
            WHEN s.seen_at < alive_from THEN 'warning'
            WHEN s.cannot_send THEN 'error'
            WHEN s.problem IS NOT NULL OR (NOT s.listening AND s.started_at < alive_from) OR s.version <> installed THEN 'warning'
            ELSE 'ok'
        END,
        CASE
            WHEN s.seen_at < alive_from THEN format('Sidecar %s was last seen at %s.', s.worker, s.seen_at::timestamptz(0))
            WHEN s.problem IS NOT NULL THEN format('Sidecar %s: %s', s.worker, s.problem)
            WHEN NOT s.listening AND s.started_at < alive_from THEN format('Sidecar %s receives no NOTIFY and finds its work by polling.', s.worker)
            WHEN s.version <> installed THEN format('Sidecar %s is of version %s, and ghostwatch of version %s. Both go on working.', s.worker, s.version, installed)
            ELSE format('Sidecar %s (version %s) has been running since %s.', s.worker, s.version, s.started_at::timestamptz(0))
        END,
        CASE
            WHEN s.seen_at < alive_from THEN 'Start it again, or ignore it if it was stopped on purpose.'
            WHEN s.problem IS NOT NULL THEN 'To see what Telegram says: ghostwatch send-test <channel>'
            WHEN NOT s.listening AND s.started_at < alive_from THEN 'Connect it to the database directly, not through a pooler in transaction mode.'
            WHEN s.version <> installed THEN format('Upgrade the older one: pip install ghostwatch==%s, or ghostwatch migrate', installed)
        END
    FROM ghostwatch.sidecar AS s
    -- A dead one is forgotten where another one is running.
    WHERE s.seen_at >= alive_from
        OR NOT EXISTS (SELECT FROM ghostwatch.sidecar AS alive WHERE alive.seen_at >= alive_from)
    ORDER BY s.seen_at DESC;

    IF NOT EXISTS (SELECT FROM ghostwatch.sidecar AS s WHERE s.seen_at >= alive_from) THEN
        RETURN QUERY
        SELECT 'sidecar', 'error', 'No sidecar is running: no alert reaches anybody.', 'ghostwatch notify';
    END IF;

    -- Of several sidecars with buttons, one reads the presses of all.
    RETURN QUERY
    SELECT
        'buttons',
        'ok',
        format(
            'Sidecar %s reads which buttons are pressed. Another one takes over unless it asks again by %s.',
            d.buttons_reader, d.buttons_reader_until::timestamptz(0)
        ),
        NULL::text
    FROM ghostwatch.dispatch AS d
    WHERE d.buttons_reader_until > as_of;

    IF NOT FOUND THEN
        RETURN QUERY
        SELECT
            'buttons',
            'warning',
            format('No sidecar reads which buttons are pressed, and channel %s names people who may press them.', c.name),
            'GHOSTWATCH_TELEGRAM_BUTTONS=1 ghostwatch notify'
        FROM ghostwatch.channel AS c
        WHERE c.button_user_ids <> '{}'
        ORDER BY c.name;
    END IF;

    RETURN QUERY
    SELECT
        'channels',
        CASE
            WHEN c.disabled_at IS NOT NULL THEN 'error'
            WHEN c.topic_lost_at IS NOT NULL THEN 'warning'
            ELSE 'ok'
        END,
        CASE
            WHEN c.disabled_at IS NULL AND c.topic_lost_at IS NOT NULL
                THEN format('The topic of channel %s is %s since %s; its messages go to the main chat.', c.name, coalesce(c.topic_state, 'gone'), c.topic_lost_at::timestamptz(0))
            WHEN c.disabled_at IS NULL THEN format('Channel %s is open, from %s upwards.', c.name, c.min_severity)
            ELSE format('Channel %s is closed since %s: %s', c.name, c.disabled_at::timestamptz(0), c.disabled_reason)
        END,
        CASE
            WHEN c.disabled_at IS NULL AND c.topic_lost_at IS NOT NULL
                THEN format('Give it the thread_id of a topic that exists, or none: SELECT ghostwatch.add_channel(%L, reset => ''{thread_id}'');', c.name)
            WHEN c.disabled_at IS NOT NULL THEN format('Try it with: ghostwatch send-test %s; when it is put right: SELECT ghostwatch.enable_channel(%L);', c.name, c.name)
        END
    FROM ghostwatch.channel AS c
    ORDER BY c.name;

    IF NOT FOUND THEN
        RETURN QUERY
        SELECT 'channels', 'error', 'There is no channel: no alert reaches anybody.', 'SELECT ghostwatch.add_channel(''admins'', chat_id => -1001234567890);';
    END IF;

    -- What keeps alerts back on purpose.
    RETURN QUERY
    SELECT
        'filters',
        'ok',
        format('Channel %s is sent %s.', c.name, concat_ws(
            ', ',
            CASE c.min_severity WHEN 'error' THEN 'errors only' ELSE 'warnings and errors' END,
            CASE WHEN c.contracts IS NOT NULL THEN format('of contract %s only', array_to_string(c.contracts, ', ')) END,
            CASE
                WHEN c.quiet_from IS NOT NULL THEN format(
                    'and %s of %s to %s (%s) in one digest',
                    CASE WHEN c.quiet_errors THEN 'warnings and errors' ELSE 'warnings' END,
                    c.quiet_from, c.quiet_until, c.quiet_time_zone
                )
            END,
            CASE
                WHEN c.quiet_windows <> '{}' THEN format(
                    'and %s of %s (%s) in one digest',
                    CASE WHEN c.quiet_errors THEN 'warnings and errors' ELSE 'warnings' END,
                    array_to_string(c.quiet_windows, ', '), c.quiet_time_zone
                )
            END,
            CASE WHEN c.escalate_to IS NOT NULL THEN format('and after %s without acknowledgement channel %s gets them as well', c.escalate_after, c.escalate_to) END,
            'and new errors mention ' || c.mention
        )),
        NULL::text
    FROM ghostwatch.channel AS c
    WHERE c.min_severity = 'error'
        OR c.contracts IS NOT NULL
        OR c.quiet_from IS NOT NULL
        OR c.escalate_to IS NOT NULL
        OR c.mention IS NOT NULL
        OR c.quiet_windows <> '{}'
    ORDER BY c.name;

    RETURN QUERY
    SELECT
        'filters',
        'ok',
        format('Silence %s of %s by %s is in force until %s: %s', s.silence_id, concat_ws('.', s.contract, s.invariant, s.branch), s.created_by, s.ends_at::timestamptz(0), s.comment),
        format('SELECT ghostwatch.unsilence(%s); -- to end it early', s.silence_id)
    FROM ghostwatch.silence AS s
    WHERE s.starts_at <= as_of
        AND s.ends_at > as_of
    ORDER BY s.silence_id;

    RETURN QUERY
    SELECT 'delivery', 'warning', p, 'ghostwatch send-test <channel>'
    FROM ghostwatch._delivery_problems(as_of) AS p;

    RETURN QUERY
    SELECT
        'channels',
        'warning',
        format('Channel %s follows chat %s, which Telegram says became %s at %s.', c.name, c.migrated_from, c.chat_id, c.migrated_at::timestamptz(0)),
        format('If that is not so: SELECT ghostwatch.add_channel(%L, %s);', c.name, c.migrated_from)
    FROM ghostwatch.channel AS c
    WHERE c.migrated_at > as_of - '7 days'::interval;

    RETURN QUERY
    SELECT
        'outbox',
        CASE WHEN waiting.since < is_late OR waiting.events_since < is_late OR waiting.given_up > 0 THEN 'warning' ELSE 'ok' END,
        concat_ws(
            ' ',
            CASE
                WHEN waiting.total > 0 THEN format('Waiting: %s, %s%s.', ghostwatch._pluralize(waiting.total, 'notification'), coalesce('the oldest since ' || waiting.since::timestamptz(0), 'none is late'), ' (' || waiting.reason || ')')
                ELSE 'No notification waits.'
            END,
            CASE WHEN waiting.events > 0 THEN format('Waiting: %s, the oldest since %s.', ghostwatch._pluralize(waiting.events, 'event'), waiting.events_since::timestamptz(0)) END,
            CASE WHEN waiting.given_up > 0 THEN format('Given up: %s.', ghostwatch._pluralize(waiting.given_up, 'notification')) END
        ),
        CASE
            WHEN waiting.given_up > 0 THEN 'SELECT ghostwatch.retry_failed();'
            WHEN waiting.since < is_late OR waiting.events_since < is_late THEN 'See the doctor on sidecars and channels.'
        END
    FROM (
        SELECT
            count(*) FILTER (WHERE n.state IN ('pending', 'claimed')) AS total,
            ghostwatch._overdue_since(as_of) AS since,
            (array_agg(n.state_reason ORDER BY n.created_at) FILTER (WHERE n.state = 'pending' AND n.state_reason IS NOT NULL))[1] AS reason,
            count(*) FILTER (WHERE n.state = 'failed') AS given_up,
            (SELECT count(*) FROM ghostwatch.event AS e WHERE e.gathered_at IS NULL) AS events,
            (SELECT min(e.created_at) FROM ghostwatch.event AS e WHERE e.gathered_at IS NULL) AS events_since
        FROM ghostwatch.notification AS n
        WHERE n.state IN ('pending', 'claimed', 'failed')
    ) AS waiting;
END
$_doctor_delivery$;

COMMENT ON FUNCTION ghostwatch._doctor_delivery() IS
'The doctor on whether alerts reach people: sidecars, channels, outbox.';
