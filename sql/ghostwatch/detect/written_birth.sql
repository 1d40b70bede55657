CREATE FUNCTION ghostwatch._written_birth(
    clause ghostwatch._clause
)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
RETURN CASE
    WHEN (clause).time_zone IS NULL THEN ghostwatch._plain_birth(clause)
    ELSE format('(%s AT TIME ZONE %L)', ghostwatch._plain_birth(clause), (clause).time_zone)
END;

COMMENT ON FUNCTION ghostwatch._written_birth(ghostwatch._clause) IS
'SQL for the birth time that the subject s itself carries, as a timestamptz.';
