CREATE FUNCTION ghostwatch._subject_by_key(
    clause ghostwatch._clause,
    subject_key text,
    arrived_at text
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_subject_by_key$
-- SQL that yields the one subject s with a key. subject_key: SQL for the key as text; arrived_at: SQL for its birth under capture.
SELECT format(
    'SELECT s.*%s FROM %s AS s WHERE s.%I = %s::%s LIMIT 1',
    CASE WHEN (clause).capture THEN format(', %s AS _arrived_at', arrived_at) END,
    (clause).subject,
    (clause).key_column,
    subject_key,
    ghostwatch._column_type((clause).subject, (clause).key_column)
)
$_subject_by_key$;

COMMENT ON FUNCTION ghostwatch._subject_by_key(ghostwatch._clause, text, text) IS
'SQL that yields the one subject s with a key.';
