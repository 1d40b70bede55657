CREATE FUNCTION ghostwatch.add_channel(
    name text,
    chat_id bigint,
    thread_id integer DEFAULT NULL,
    min_severity text DEFAULT 'warn',
    events boolean DEFAULT true,
    contracts text[] DEFAULT NULL,
    quiet_from time DEFAULT NULL,
    quiet_until time DEFAULT NULL,
    quiet_time_zone text DEFAULT 'UTC',
    quiet_errors boolean DEFAULT false,
    button_user_ids bigint[] DEFAULT '{}'
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $add_channel$
-- Adds a Telegram chat, or a topic in one, that is told about alerts and events; adding a name again changes it.
-- Takes what it is called here, the chat and topic, the least severity of its alerts, whether it gets events,
-- the only contracts it hears of (NULL: all), its quiet hours (warnings wait for their end, errors too with
-- quiet_errors), and who may press buttons there. A chat that can now hear of a firing alert is told it.
-- Raises GW044 to GW048.
DECLARE
    moves   constant boolean := EXISTS (
        SELECT FROM ghostwatch.channel AS c
        WHERE c.name = add_channel.name AND c.chat_id <> add_channel.chat_id
    );
    channel ghostwatch.channel;
BEGIN
    PERFORM ghostwatch._check_channel(
        name, chat_id, min_severity, contracts, quiet_from, quiet_until, quiet_time_zone
    );
    PERFORM ghostwatch._require_own_channel(name, contracts, coalesce(events, true));
    PERFORM ghostwatch._require_own_channel(c.name, c.contracts, c.events)
    FROM ghostwatch.channel AS c
    WHERE c.name = add_channel.name;

    -- Topic 1 is General, which the Bot API knows only as "no topic".
    INSERT INTO ghostwatch.channel AS c (
        name, chat_id, thread_id, min_severity, events, contracts,
        quiet_from, quiet_until, quiet_time_zone, quiet_errors, button_user_ids
    )
    VALUES (
        name, chat_id, nullif(thread_id, 1), min_severity, coalesce(events, true), contracts,
        quiet_from, quiet_until, quiet_time_zone, coalesce(quiet_errors, false), coalesce(button_user_ids, '{}')
    )
    ON CONFLICT ON CONSTRAINT channel_name_key DO UPDATE
    SET
        chat_id = excluded.chat_id,
        thread_id = excluded.thread_id,
        min_severity = excluded.min_severity,
        events = excluded.events,
        contracts = excluded.contracts,
        quiet_from = excluded.quiet_from,
        quiet_until = excluded.quiet_until,
        quiet_time_zone = excluded.quiet_time_zone,
        quiet_errors = excluded.quiet_errors,
        button_user_ids = excluded.button_user_ids,
        -- What the Bot API said about another chat or topic does not hold for this one.
        disabled_at = CASE WHEN c.chat_id = excluded.chat_id THEN c.disabled_at END,
        disabled_reason = CASE WHEN c.chat_id = excluded.chat_id THEN c.disabled_reason END,
        topic_lost_at = CASE
            WHEN (c.chat_id, c.thread_id) IS NOT DISTINCT FROM (excluded.chat_id, excluded.thread_id)
                THEN c.topic_lost_at
        END,
        migrated_at = CASE WHEN c.chat_id = excluded.chat_id THEN c.migrated_at END,
        migrated_from = CASE WHEN c.chat_id = excluded.chat_id THEN c.migrated_from END
    RETURNING c.* INTO channel;

    IF moves THEN
        PERFORM ghostwatch._forget_messages(channel.channel_id);
    END IF;

    PERFORM ghostwatch._enqueue_firing(channel.channel_id, moves, ghostwatch._clock());
END
$add_channel$;

COMMENT ON FUNCTION ghostwatch.add_channel(text, bigint, integer, text, boolean, text[], time, time, text, boolean, bigint[]) IS
'Adds a Telegram chat, or a topic in one, that is told about alerts and events; adding a name again changes it.
Raises GW045 (no name or no chat), GW046 (not a severity), GW047 (no such contract), GW048 (quiet hours that make no sense).';
