CREATE FUNCTION ghostwatch.add_channel(
    name text,
    chat_id bigint DEFAULT NULL,
    thread_id integer DEFAULT NULL,
    min_severity text DEFAULT NULL,
    events boolean DEFAULT NULL,
    contracts text[] DEFAULT NULL,
    quiet_from time DEFAULT NULL,
    quiet_until time DEFAULT NULL,
    quiet_time_zone text DEFAULT NULL,
    quiet_errors boolean DEFAULT NULL,
    button_user_ids bigint[] DEFAULT NULL,
    sound text DEFAULT NULL,
    escalate_after interval DEFAULT NULL,
    escalate_to text DEFAULT NULL,
    mention text DEFAULT NULL,
    quiet_windows text[] DEFAULT NULL,
    reset text[] DEFAULT '{}',
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $add_channel$
-- A chat that begins to get a firing alert is sent it at once.
DECLARE
    before ghostwatch.channel;
    after  ghostwatch.channel;
    moves  boolean;
BEGIN
    SELECT c.* INTO before FROM ghostwatch.channel AS c WHERE c.name = add_channel.name;

    after := ghostwatch._apply_declaration(
        before,
        jsonb_build_object(
            'chat_id', chat_id,
            'thread_id', thread_id,
            'min_severity', min_severity,
            'events', events,
            'contracts', contracts,
            'quiet_from', quiet_from,
            'quiet_until', quiet_until,
            'quiet_time_zone', quiet_time_zone,
            'quiet_errors', quiet_errors,
            'button_user_ids', button_user_ids,
            'sound', sound,
            'escalate_after', escalate_after,
            'escalate_to', escalate_to,
            'mention', regexp_replace(trim(mention), '[ ,]+', ' ', 'g'),
            'quiet_windows', quiet_windows
        ),
        reset
    );
    after.name := add_channel.name;
    -- Topic 1 is General, which the Bot API knows only as "no topic".
    after.thread_id := nullif(after.thread_id, 1);
    moves := before.chat_id <> after.chat_id;

    PERFORM ghostwatch._check_channel(after);
    PERFORM ghostwatch._require_own_channel(after.name, after.contracts, after.events, role => ghostwatch._caller(credential));
    IF NOT (before IS NULL) THEN
        PERFORM ghostwatch._require_own_channel(before.name, before.contracts, before.events, role => ghostwatch._caller(credential));
    END IF;

    -- A chain copies alerts to a chat as well.
    IF after.escalate_to IS DISTINCT FROM before.escalate_to THEN
        PERFORM ghostwatch._require_own_channel(c.name, c.contracts, c.events, role => ghostwatch._caller(credential))
        FROM ghostwatch.channel AS c
        WHERE c.name = after.escalate_to;
    END IF;

    INSERT INTO ghostwatch.channel AS c (
        name, chat_id, thread_id, min_severity, events, contracts,
        quiet_from, quiet_until, quiet_time_zone, quiet_errors, button_user_ids, sound,
        escalate_after, escalate_to, mention, quiet_windows
    )
    VALUES (
        after.name, after.chat_id, after.thread_id, after.min_severity, after.events, after.contracts,
        after.quiet_from, after.quiet_until, after.quiet_time_zone, after.quiet_errors, after.button_user_ids, after.sound,
        after.escalate_after, after.escalate_to, after.mention, after.quiet_windows
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
        sound = excluded.sound,
        escalate_after = excluded.escalate_after,
        escalate_to = excluded.escalate_to,
        mention = excluded.mention,
        quiet_windows = excluded.quiet_windows,
        -- What the Bot API said about another chat or topic does not hold for this one.
        disabled_at = CASE WHEN c.chat_id = excluded.chat_id THEN c.disabled_at END,
        disabled_reason = CASE WHEN c.chat_id = excluded.chat_id THEN c.disabled_reason END,
        topic_lost_at = CASE
            WHEN (c.chat_id, c.thread_id) IS NOT DISTINCT FROM (excluded.chat_id, excluded.thread_id)
                THEN c.topic_lost_at
        END,
        migrated_at = CASE WHEN c.chat_id = excluded.chat_id THEN c.migrated_at END,
        migrated_from = CASE WHEN c.chat_id = excluded.chat_id THEN c.migrated_from END
    RETURNING c.* INTO after;

    IF moves THEN
        PERFORM ghostwatch._forget_messages(after.channel_id);
    END IF;

    PERFORM ghostwatch._enqueue_firing(after.channel_id, coalesce(moves, false), ghostwatch._clock());
END
$add_channel$;

COMMENT ON FUNCTION ghostwatch.add_channel(text, bigint, integer, text, boolean, text[], time, time, text, boolean, bigint[], text, interval, text, text, text[], text[], uuid) IS
'Adds a Telegram chat, or a topic in one, that gets alerts and events; adding a name again changes what is given and keeps the rest.
name: what the channel is called here. chat_id, thread_id: the chat, and the topic in it (default: none). min_severity: of its alerts, warn (the default) or error.
events: whether it gets events (default: true). contracts: only alerts of these (default: of all). quiet_from, quiet_until, quiet_time_zone (default: UTC): hours in which warnings wait.
quiet_errors: whether errors wait too (default: false). button_user_ids: the Telegram users who may press buttons there (default: nobody).
sound: which new messages make a sound: errors (the default: errors that fire), all or none.
escalate_after, escalate_to: an alert that nobody has acknowledged so long after its first message here is sent to that channel as well, whatever its filters are.
mention: whom new errors mention, @names or Telegram user ids, five at most (default: nobody).
quiet_windows: recurring windows that count as quiet hours, each as ''Sun 02:00 for 2 hours: backups'', with days as Mon,Wed or Mon-Fri or daily.
reset: names of arguments to set back to their defaults.
Raises GW018 (an argument that cannot be reset), GW041 (mention), GW043 (an invalid chain of channels), GW044 (alerts of others, or events), GW045 (no name or no chat), GW046 (not a severity, or not a sound), GW047 (no such contract), GW048 (invalid quiet hours or windows).';
