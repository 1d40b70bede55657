CREATE FUNCTION ghostwatch._birth_column(
    clause ghostwatch._clause
)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
RETURN CASE
    WHEN (clause).capture THEN 's._arrived_at'
    ELSE format('s.%I', (clause).born_at_column)
END;

COMMENT ON FUNCTION ghostwatch._birth_column(ghostwatch._clause) IS
'SQL for the plain column that orders the subjects s by birth, and that an index may lead on.';
