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
    buttons boolean,
    as_of timestamptz,
    time_zone text,
    silent boolean,
    wait double precision
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $claim_notifications$
-- One row is locked meanwhile, so that all sidecars together keep the bot's pace.
#variable_conflict use_column
DECLARE
    present   timestamptz;
    dispatch  ghostwatch.dispatch;
    -- A tenth is left for messages that overtake each other on the way.
    spacing   constant interval := '1 second'::interval / greatest(ghostwatch._setting('messages_per_second')::integer * 0.9, 1);
    slot      timestamptz;
    allowance integer;
    ready     record;
    claimed   record;
BEGIN
    IF coalesce(worker, '') = ''
        OR length(worker) > 100
        OR coalesce(max_rows, 0) NOT BETWEEN 1 AND 100
        OR coalesce(lease, '0') NOT BETWEEN '3 seconds' AND '10 minutes'
    THEN
        RAISE EXCEPTION 'invalid claim of sidecar %', quote_nullable(left(worker, 100))
        USING
            ERRCODE = 'GW040',
            DETAIL = format(
                'max_rows is %s (from 1 to 100), lease is %s (from 3 seconds to 10 minutes).',
                coalesce(max_rows::text, 'NULL'), coalesce(lease::text, 'NULL')
            ),
            HINT = 'For example: SELECT * FROM ghostwatch.claim_notifications(''sidecar-1'', 10, ''30 seconds'');';
    END IF;

    -- A dump of an installation that never sent anything has no row.
    INSERT INTO ghostwatch.dispatch DEFAULT VALUES ON CONFLICT DO NOTHING;

    SELECT d.* INTO dispatch FROM ghostwatch.dispatch AS d FOR UPDATE;
    present := ghostwatch._clock();

    PERFORM ghostwatch._gather_events(present);

    PERFORM ghostwatch._reclaim(present);

    PERFORM ghostwatch._escalate(present);

    IF dispatch.held_until > present THEN
        RETURN;
    END IF;

    INSERT INTO ghostwatch.chat (chat_id)
    SELECT DISTINCT addressed.chat_id
    FROM ghostwatch.channel AS addressed
    WHERE NOT EXISTS (SELECT FROM ghostwatch.chat AS known WHERE known.chat_id = addressed.chat_id)
    ON CONFLICT DO NOTHING;

    -- Each message has its own time; no sidecar gets more than what is due within a second.
    slot := greatest(dispatch.next_send_at, present);
    allowance := ceil(extract(EPOCH FROM present + '1 second'::interval - slot) / extract(EPOCH FROM spacing));

    FOR ready IN
        SELECT
            open.chat_id,
            head.notification_id
        FROM ghostwatch._next_notifications(present) AS head
        INNER JOIN ghostwatch.chat AS open
            ON open.chat_id = head.chat_id
        ORDER BY
            head.priority,
            head.created_at,
            head.notification_id
        LIMIT greatest(least(max_rows, allowance), 0)
        FOR UPDATE OF open
    LOOP
        UPDATE ghostwatch.notification AS taken
        SET
            state = 'claimed',
            claimed_by = worker,
            lease_until = present + lease,
            rendered_at = present,
            shown_at = (SELECT a.changed_at FROM ghostwatch.alert AS a WHERE a.alert_id = taken.alert_id),
            waits_for = NULL
        FROM ghostwatch.channel AS target
        WHERE taken.notification_id = ready.notification_id
            -- It may have been superseded since.
            AND taken.state IN ('pending', 'claimed')
            AND target.channel_id = taken.channel_id
        RETURNING
            taken.*,
            target.name AS channel_name,
            target.chat_id,
            target.button_user_ids <> '{}' AS has_buttons,
            target.quiet_time_zone AS time_zone,
            target AS its_channel,
            ghostwatch._quiet_until(target, present) IS NOT NULL AS is_quiet,
            CASE WHEN target.topic_lost_at IS NULL THEN target.thread_id END AS thread_id,
            CASE
                WHEN target.topic_lost_at IS NOT NULL
                    THEN jsonb_build_object('strayed', jsonb_build_object('thread_id', target.thread_id, 'state', target.topic_state))
                ELSE '{}'
            END AS strayed,
            -- By the snapshot of this statement, as shown_at: a check run may commit before the next one.
            ghostwatch._message_facts(taken.alert_id) AS facts,
            ghostwatch._reason_for_channel(taken) AS reason_for_channel,
            ghostwatch._incident_message(taken.alert_id, taken.channel_id) AS incident_message,
            EXISTS (
                SELECT
                FROM ghostwatch.notification AS sent
                WHERE sent.alert_id = taken.alert_id
                    AND sent.channel_id = taken.channel_id
                    AND sent.state = 'sent'
            ) AS is_known
        INTO claimed;
        CONTINUE WHEN NOT FOUND;

        -- What was to be edited was taken back: an edit must not become the first message about an alert.
        IF claimed.reason = 'updated' AND claimed.incident_message IS NULL AND NOT claimed.is_known THEN
            UPDATE ghostwatch.notification AS idle
            SET
                state = 'superseded',
                state_reason = 'there is no message to edit',
                claimed_by = NULL,
                lease_until = NULL,
                rendered_at = NULL
            WHERE idle.notification_id = claimed.notification_id;
            CONTINUE;
        END IF;

        IF claimed.reason = 'digest' THEN
            PERFORM ghostwatch._adapt_to_digest(claimed.notification_id, claimed.channel_id);
        END IF;

        PERFORM ghostwatch._pace_chat(ready.chat_id, used.recent_sends || slot)
        FROM ghostwatch.chat AS used
        WHERE used.chat_id = ready.chat_id;

        notification_id := claimed.notification_id;
        channel := claimed.channel_name;
        chat_id := claimed.chat_id;
        thread_id := claimed.thread_id;
        reason := claimed.reason_for_channel;
        alert := claimed.facts;
        payload := claimed.payload || claimed.strayed || CASE
            WHEN claimed.reason IN ('digest', 'outage_summary', 'maintenance')
                THEN jsonb_build_object('alerts', ghostwatch._covered_alerts(claimed.notification_id))
            WHEN claimed.reason = 'details'
                THEN jsonb_build_object('messages', ghostwatch._message_history(claimed.alert_id))
            ELSE '{}'
        END || ghostwatch._mention(claimed.its_channel, reason, alert);
        edit_message_id := CASE WHEN claimed.reason = 'updated' THEN claimed.incident_message END;
        reply_to_message_id := CASE WHEN claimed.reason <> 'updated' THEN claimed.incident_message END;
        attempts := claimed.attempts;
        -- Only the message that is edited later can lose its buttons when the alert is over.
        buttons := claimed.has_buttons
            AND coalesce(alert ->> 'state' = 'firing' AND alert ->> 'kind' <> 'drill', false)
            AND (claimed.incident_message IS NULL OR claimed.reason = 'updated')
            AND claimed.reason NOT IN ('details', 'repaired');
        silent := ghostwatch._is_silent(claimed.its_channel, claimed.reason, alert, payload -> 'alerts', claimed.is_quiet);
        as_of := present;
        time_zone := claimed.time_zone;
        wait := extract(EPOCH FROM slot - present);
        RETURN NEXT;

        slot := slot + spacing;
    END LOOP;

    -- The sidecar waits from when it is given them, which is later than the present by what all this has taken.
    UPDATE ghostwatch.dispatch
    SET next_send_at = slot + (ghostwatch._clock() - present)
    WHERE slot > present;
END
$claim_notifications$;

COMMENT ON FUNCTION ghostwatch.claim_notifications(text, integer, interval) IS
'Gives a sidecar what it may send now, at most one notification per chat, for the time of the lease. Takes the
sidecar''s name, how many it wants, and how long it may take: whatever it has neither reported nor renewed by then,
another sidecar gets. Returns where to, what, which message to edit or reply to, whether there are buttons under it,
the present time, the channel''s time zone, whether it is to make no sound, and for how many seconds to wait before it
is sent. Raises GW040 (arguments out of bounds).';
