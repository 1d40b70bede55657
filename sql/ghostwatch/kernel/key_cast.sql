CREATE FUNCTION ghostwatch._key_cast(
    subject regclass,
    key_column name,
    related regclass,
    related_key_column name
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_key_cast$
-- Logs and queues often keep keys of any type as text.
SELECT CASE
    WHEN ghostwatch._column_type(related, related_key_column) IN ('text', 'character varying')
     AND ghostwatch._column_type(subject, key_column) NOT IN ('text', 'character varying')
    THEN '::text'
    ELSE ''
END
$_key_cast$;

COMMENT ON FUNCTION ghostwatch._key_cast(regclass, name, regclass, name) IS
'The cast, if any, to write behind a subject''s key so that it is comparable with a related key of type text.';
