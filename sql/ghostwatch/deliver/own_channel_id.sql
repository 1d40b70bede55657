CREATE FUNCTION ghostwatch._own_channel_id(
    channel text,
    role regrole
)
RETURNS integer
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_own_channel_id$
-- Called by definers: an operator sees only channels of its own.
DECLARE
    own_id constant integer := ghostwatch._channel_id(channel);
BEGIN
    PERFORM ghostwatch._require_own_channel(c.name, c.contracts, c.events, role)
    FROM ghostwatch.channel AS c
    WHERE c.channel_id = own_id;

    RETURN own_id;
END
$_own_channel_id$;

COMMENT ON FUNCTION ghostwatch._own_channel_id(text, regrole) IS
'The id of a channel that a role may set up. Raises GW049 (no such channel), GW044 (it is sent what is not the role''s own).';
