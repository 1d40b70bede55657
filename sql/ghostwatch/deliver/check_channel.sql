CREATE FUNCTION ghostwatch._check_channel(
    channel ghostwatch.channel
)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_check_channel$
DECLARE
    unknown_contract text;
    chain text[];
    unread text;
BEGIN
    IF coalesce(channel.name, '') = '' OR coalesce(channel.chat_id, 0) = 0 THEN
        RAISE EXCEPTION 'a channel needs a name and the id of a chat'
            USING ERRCODE = 'GW045',
                  DETAIL = format('The name is %s, the chat id %s.', quote_nullable(channel.name), coalesce(channel.chat_id::text, 'NULL')),
                  HINT = 'SELECT ghostwatch.add_channel(''admins'', -1001234567890)';
    END IF;

    IF channel.min_severity NOT IN ('warn', 'error') THEN
        RAISE EXCEPTION 'channel % cannot get alerts of severity % and above', quote_literal(channel.name), quote_literal(channel.min_severity)
            USING ERRCODE = 'GW046',
                  DETAIL = 'Severities are ''warn'' and ''error''.',
                  HINT = format('SELECT ghostwatch.add_channel(%L, %s, min_severity => ''error'')', channel.name, channel.chat_id);
    END IF;

    IF channel.sound NOT IN ('errors', 'all', 'none') THEN
        RAISE EXCEPTION 'channel % cannot have sound %', quote_literal(channel.name), quote_literal(channel.sound)
            USING ERRCODE = 'GW046',
                  DETAIL = 'Which new messages make a sound is ''errors'', ''all'' or ''none''.',
                  HINT = format('SELECT ghostwatch.add_channel(%L, %s, sound => ''errors'')', channel.name, channel.chat_id);
    END IF;

    SELECT given.contract INTO unknown_contract
    FROM unnest(channel.contracts) AS given (contract)
    WHERE NOT EXISTS (SELECT FROM ghostwatch.contract AS c WHERE c.name = given.contract)
    LIMIT 1;

    IF FOUND THEN
        RAISE EXCEPTION 'channel % names contract %, which does not exist', quote_literal(channel.name), quote_nullable(unknown_contract)
            USING ERRCODE = 'GW047',
                  DETAIL = coalesce(
                      (SELECT 'Declared contracts: ' || string_agg(quote_literal(c.name), ', ' ORDER BY c.name) || '.' FROM ghostwatch.contract AS c),
                      'No contract is declared in this database.'
                  ),
                  HINT = format('For all contracts: SELECT ghostwatch.add_channel(%L, %s, reset => ''{contracts}'')', channel.name, channel.chat_id);
    END IF;

    IF (channel.quiet_from IS NULL) <> (channel.quiet_until IS NULL)
        OR channel.quiet_from = channel.quiet_until
        OR NOT EXISTS (SELECT FROM pg_timezone_names AS z WHERE z.name = channel.quiet_time_zone)
    THEN
        RAISE EXCEPTION 'invalid quiet hours for channel %', quote_literal(channel.name)
            USING ERRCODE = 'GW048',
                  DETAIL = format(
                      'They would go from %s to %s in time zone %s.',
                      coalesce(channel.quiet_from::text, 'NULL'), coalesce(channel.quiet_until::text, 'NULL'), quote_literal(channel.quiet_time_zone)
                  ),
                  HINT = format(
                      'SELECT ghostwatch.add_channel(%L, %s, quiet_from => ''22:00'', quiet_until => ''08:00'', quiet_time_zone => ''Europe/Berlin'')',
                      channel.name, channel.chat_id
                  );
    END IF;

    SELECT given.quiet_window INTO unread
    FROM unnest(channel.quiet_windows) AS given (quiet_window)
    WHERE NOT EXISTS (
        SELECT FROM ghostwatch._quiet_windows(ARRAY[given.quiet_window]) AS w WHERE w.lasts <= '168 hours'
    )
    LIMIT 1;

    IF FOUND OR cardinality(channel.quiet_windows) > 50 THEN
        RAISE EXCEPTION 'invalid quiet windows for channel %', quote_literal(channel.name)
            USING ERRCODE = 'GW048',
                  DETAIL = CASE
                      WHEN cardinality(channel.quiet_windows) > 50 THEN 'There may be 50 of them.'
                      ELSE format('This is no window of up to 7 days: %s.', quote_nullable(left(unread, 200)))
                  END,
                  HINT = format('SELECT ghostwatch.add_channel(%L, quiet_windows => ''{Sun 02:00 for 2 hours: backups,Mon-Fri 12:30 for 45 minutes}'')', channel.name);
    END IF;

    IF EXISTS (
        SELECT
        FROM string_to_table(channel.mention, ' ') WITH ORDINALITY AS m (name, position)
        WHERE m.name !~ '^(@[A-Za-z][A-Za-z0-9_]{3,31}|[1-9][0-9]{0,15})$'
            OR m.position > 5
    ) OR channel.mention = '' THEN
        RAISE EXCEPTION 'messages to channel % cannot mention %', quote_literal(channel.name), quote_literal(left(channel.mention, 200))
            USING ERRCODE = 'GW041',
                  DETAIL = 'Up to five people can be mentioned, each as @name or by the number of the user.',
                  HINT = format('SELECT ghostwatch.add_channel(%L, mention => ''@anna 123456789'')', channel.name);
    END IF;

    IF channel.escalate_to IS NULL AND channel.escalate_after IS NULL THEN
        RETURN;
    END IF;

    SELECT array_agg(c.channel ORDER BY c.step) INTO chain
    FROM ghostwatch._escalation_chain(channel.escalate_to) AS c;

    IF (channel.escalate_after BETWEEN '1 second' AND '1 year') IS NOT TRUE OR chain IS NULL OR channel.name = ANY (chain) THEN
        RAISE EXCEPTION 'alerts of channel % cannot escalate to channel % after %',
            quote_literal(channel.name), quote_nullable(channel.escalate_to), coalesce(channel.escalate_after::text, 'NULL')
            USING ERRCODE = 'GW043',
                  DETAIL = CASE
                      WHEN channel.name = channel.escalate_to OR channel.name = ANY (chain) THEN format(
                          'The chain would be a loop: %s.',
                          array_to_string(channel.name || chain[1:array_position(chain, channel.name)], ' -> ')
                      )
                      WHEN chain IS NULL THEN 'There is no such channel.'
                      ELSE 'The time is from 1 second to 1 year.'
                  END,
                  HINT = format('SELECT ghostwatch.add_channel(%L, escalate_after => ''15 minutes'', escalate_to => ''on_call'')', channel.name);
    END IF;
END
$_check_channel$;

COMMENT ON FUNCTION ghostwatch._check_channel(ghostwatch.channel) IS
'Refuses a channel that could get no message, or not those that were meant.
Raises GW041 (mention), GW043 (chain of channels), GW045 (no name or no chat), GW046 (severity or sound), GW047 (contract), GW048 (quiet hours and windows).';
