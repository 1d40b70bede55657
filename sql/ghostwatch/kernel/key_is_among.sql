CREATE FUNCTION ghostwatch._key_is_among(
    subject regclass,
    key_column name
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
-- One array of the key's own type: an index serves it, and it is sent to a foreign server.
RETURN format('s.%I = ANY ($1::%s[])', key_column, ghostwatch._column_type(subject, key_column));

COMMENT ON FUNCTION ghostwatch._key_is_among(regclass, name) IS
'SQL condition for the subjects s whose keys are in the parameter $1, an array of text.';
