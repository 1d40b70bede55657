CREATE FUNCTION ghostwatch._written_birth(
    clause ghostwatch._clause
)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
RETURN CASE
    WHEN (clause).time_zone IS NULL THEN format('s.%I', (clause).born_at_column)
    ELSE format('(s.%I AT TIME ZONE %L)', (clause).born_at_column, (clause).time_zone)
END;

COMMENT ON FUNCTION ghostwatch._written_birth(ghostwatch._clause) IS
'SQL for the birth time that the subject s itself carries, as a timestamptz.';
