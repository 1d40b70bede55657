CREATE FUNCTION ghostwatch._pluralize(
    count bigint,
    word text
)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN format('%s %s', count, CASE WHEN count = 1 THEN word ELSE word || 's' END);

COMMENT ON FUNCTION ghostwatch._pluralize(bigint, text) IS
'A number and a noun in English: 1 alert, 2 alerts.';
