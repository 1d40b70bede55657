CREATE FUNCTION ghostwatch.claim_notifications(
    worker text,
    max_rows integer DEFAULT 10,
    lease interval DEFAULT '30 seconds'
)
RETURNS TABLE (
    notification_id bigint,
    channel text,
    chat_id bigint,
    thread_id integer,
    reason text,
    alert jsonb,
    payload jsonb,
    edit_message_id bigint,
    reply_to_message_id bigint,
    attempts integer,
    buttons boolean
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $claim_notifications$
-- Hands a sidecar what it may send right now, at most one notification per chat.
-- Takes the sidecar's name, how many it wants, and how long it may take: whatever it has not reported
-- by then, another sidecar gets. Returns where to, what, which message to edit or reply to, and whether
-- anybody there may press buttons.
-- Pace holds over all sidecars, since the chat's row is locked while it is decided.
-- Raises GW040 for a nameless sidecar, a count below one, or a lease that is not positive.
#variable_conflict use_column
DECLARE
    as_of     constant timestamptz := ghostwatch._clock();
    allowance integer;
    ready     record;
    claimed   record;
BEGIN
    IF coalesce(worker, '') = '' OR coalesce(max_rows, 0) < 1 OR coalesce(lease, '0') <= '0' THEN
        RAISE EXCEPTION 'nothing can be claimed for sidecar %', quote_nullable(worker)
        USING
            ERRCODE = 'GW040',
            DETAIL = format('max_rows is %s, lease is %s.', coalesce(max_rows::text, 'NULL'), coalesce(lease::text, 'NULL')),
            HINT = 'For example: SELECT * FROM ghostwatch.claim_notifications(''sidecar-1'', 10, ''30 seconds'');';
    END IF;

    PERFORM ghostwatch._gather_events(as_of);

    INSERT INTO ghostwatch.chat (chat_id)
    SELECT DISTINCT addressed.chat_id
    FROM ghostwatch.notification AS waiting
    INNER JOIN ghostwatch.channel AS addressed
        ON addressed.channel_id = waiting.channel_id
    WHERE waiting.state IN ('pending', 'claimed')
        AND NOT EXISTS (SELECT FROM ghostwatch.chat AS known WHERE known.chat_id = addressed.chat_id)
    ON CONFLICT DO NOTHING;

    -- Telegram also counts all messages of a bot together.
    SELECT ghostwatch._setting('messages_per_second')::integer - count(*)
    INTO allowance
    FROM ghostwatch.chat AS used
    CROSS JOIN LATERAL unnest(used.recent_sends) AS sent (at)
    WHERE sent.at > as_of - '1 second'::interval;

    FOR ready IN
        SELECT open.chat_id
        FROM ghostwatch.chat AS open
        CROSS JOIN LATERAL ghostwatch._next_notification(open.chat_id, as_of) AS head
        WHERE open.next_send_at <= as_of
            -- Most chats have nothing waiting most of the time.
            AND open.chat_id IN (
                SELECT addressed.chat_id
                FROM ghostwatch.notification AS waiting
                INNER JOIN ghostwatch.channel AS addressed
                    ON addressed.channel_id = waiting.channel_id
                WHERE waiting.state IN ('pending', 'claimed')
            )
        ORDER BY
            head.reason = 'events',
            head.created_at,
            head.notification_id
        LIMIT greatest(least(max_rows, allowance), 0)
        FOR UPDATE OF open SKIP LOCKED
    LOOP
        -- Looked up again, now that the chat is ours: another sidecar may have been here a moment ago.
        UPDATE ghostwatch.notification AS taken
        SET
            state = 'claimed',
            claimed_by = worker,
            lease_until = as_of + lease
        FROM ghostwatch._next_notification(ready.chat_id, as_of) AS head
        INNER JOIN ghostwatch.channel AS target
            ON target.channel_id = head.channel_id
        WHERE taken.notification_id = head.notification_id
        RETURNING
            taken.*,
            target.name AS channel_name,
            target.chat_id,
            target.button_user_ids <> '{}' AS has_buttons,
            CASE WHEN target.topic_lost_at IS NULL THEN target.thread_id END AS thread_id,
            ghostwatch._incident_message(taken.alert_id, taken.channel_id) AS incident_message
        INTO claimed;
        CONTINUE WHEN NOT FOUND;

        PERFORM ghostwatch._pace_chat(ready.chat_id, used.recent_sends || as_of)
        FROM ghostwatch.chat AS used
        WHERE used.chat_id = ready.chat_id;

        notification_id := claimed.notification_id;
        channel := claimed.channel_name;
        chat_id := claimed.chat_id;
        thread_id := claimed.thread_id;
        reason := claimed.reason;
        alert := ghostwatch._message_facts(claimed.alert_id);
        payload := claimed.payload || CASE
            WHEN claimed.reason IN ('digest', 'recap', 'maintenance')
                THEN jsonb_build_object('alerts', ghostwatch._told_alerts(claimed.notification_id))
            ELSE '{}'
        END;
        edit_message_id := CASE WHEN claimed.reason = 'updated' THEN claimed.incident_message END;
        reply_to_message_id := CASE WHEN claimed.reason <> 'updated' THEN claimed.incident_message END;
        attempts := claimed.attempts;
        buttons := claimed.has_buttons AND coalesce(alert ->> 'state' = 'firing', false);
        RETURN NEXT;
    END LOOP;
END
$claim_notifications$;

COMMENT ON FUNCTION ghostwatch.claim_notifications(text, integer, interval) IS
'Hands a sidecar what it may send right now, at most one notification per chat, for the time of the lease. Raises GW040 for malformed arguments.';
