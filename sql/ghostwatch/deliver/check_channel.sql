CREATE FUNCTION ghostwatch._check_channel(
    name text,
    chat_id bigint,
    min_severity text,
    contracts text[],
    quiet_from time,
    quiet_until time,
    quiet_time_zone text
)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_check_channel$
-- Refuses a channel that could never be told anything, or not what was meant.
-- Takes what ghostwatch.add_channel() was given.
-- Raises GW045 (no name or no chat), GW046 (severity), GW047 (contract), GW048 (quiet hours).
DECLARE
    unknown_contract text;
BEGIN
    IF coalesce(name, '') = '' OR coalesce(chat_id, 0) = 0 THEN
        RAISE EXCEPTION 'a channel needs a name and the id of a chat'
            USING ERRCODE = 'GW045',
                  DETAIL = format('The name is %s, the chat id %s.', quote_nullable(name), coalesce(chat_id::text, 'NULL')),
                  HINT = 'SELECT ghostwatch.add_channel(''admins'', -1001234567890)';
    END IF;

    IF min_severity IS NULL OR min_severity NOT IN ('warn', 'error') THEN
        RAISE EXCEPTION 'channel % cannot take alerts from severity % on', quote_literal(name), quote_nullable(min_severity)
            USING ERRCODE = 'GW046',
                  DETAIL = 'Severities are ''warn'' and ''error''.',
                  HINT = format('SELECT ghostwatch.add_channel(%L, %s, min_severity => ''error'')', name, chat_id);
    END IF;

    SELECT given.contract INTO unknown_contract
    FROM unnest(contracts) AS given (contract)
    WHERE NOT EXISTS (SELECT FROM ghostwatch.contract AS c WHERE c.name = given.contract)
    LIMIT 1;

    IF FOUND THEN
        RAISE EXCEPTION 'channel % names contract %, which does not exist', quote_literal(name), quote_nullable(unknown_contract)
            USING ERRCODE = 'GW047',
                  DETAIL = coalesce(
                      (SELECT 'Declared contracts: ' || string_agg(quote_literal(c.name), ', ' ORDER BY c.name) || '.' FROM ghostwatch.contract AS c),
                      'No contract is declared in this database.'
                  ),
                  HINT = format('For all contracts: SELECT ghostwatch.add_channel(%L, %s)', name, chat_id);
    END IF;

    IF (quiet_from IS NULL) <> (quiet_until IS NULL)
        OR quiet_from = quiet_until
        OR NOT EXISTS (SELECT FROM pg_timezone_names AS z WHERE z.name = quiet_time_zone)
    THEN
        RAISE EXCEPTION 'quiet hours of channel % make no sense', quote_literal(name)
            USING ERRCODE = 'GW048',
                  DETAIL = format(
                      'They would go from %s to %s in time zone %s.',
                      coalesce(quiet_from::text, 'NULL'), coalesce(quiet_until::text, 'NULL'), quote_nullable(quiet_time_zone)
                  ),
                  HINT = format(
                      'SELECT ghostwatch.add_channel(%L, %s, quiet_from => ''22:00'', quiet_until => ''08:00'', quiet_time_zone => ''Europe/Berlin'')',
                      name, chat_id
                  );
    END IF;
END
$_check_channel$;

COMMENT ON FUNCTION ghostwatch._check_channel(text, bigint, text, text[], time, time, text) IS
'Refuses a channel that could never be told what was meant. Raises GW045 to GW048.';
