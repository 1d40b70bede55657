CREATE FUNCTION ghostwatch._require_own_channel(
    name text,
    contracts text[],
    events boolean,
    role regrole
)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_require_own_channel$
-- A channel forwards alerts to a chat. The owner of ghostwatch may set up every channel.
DECLARE
    own       constant text[] := ARRAY(
        SELECT c.name FROM ghostwatch.contract AS c WHERE pg_has_role(role, c.owner, 'USAGE') ORDER BY c.name
    );
    installer constant name := (SELECT pg_get_userbyid(n.nspowner) FROM pg_namespace AS n WHERE n.nspname = 'ghostwatch');
BEGIN
    IF pg_has_role(role, installer, 'USAGE') OR (NOT events AND contracts <@ own) THEN
        RETURN;
    END IF;

    RAISE EXCEPTION 'role % cannot set up channel % for what is not its own', role, quote_literal(name)
    USING
        ERRCODE = 'GW044',
        DETAIL = format(
            'It may have alerts of its own contracts sent there (%s), and no events, which carry users'' names.',
            coalesce(array_to_string(nullif(own, '{}'), ', '), 'it has none')
        ),
        HINT = format(
            'SELECT ghostwatch.add_channel(%L, chat_id => -1001234567890, contracts => %L, events => false); or as the owner of ghostwatch: SET ROLE %I;',
            name, own, installer
        );
END
$_require_own_channel$;

COMMENT ON FUNCTION ghostwatch._require_own_channel(text, text[], boolean, regrole) IS
'Refuses a channel that would copy alerts of others, or events. Raises GW044.';
