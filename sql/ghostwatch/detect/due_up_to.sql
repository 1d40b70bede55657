CREATE FUNCTION ghostwatch._due_up_to(
    clause ghostwatch._clause,
    as_of timestamptz
)
RETURNS timestamptz
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
-- A warning is due at warn_after, an error only past error_after.
RETURN as_of - (clause).deadline - CASE WHEN (clause).warn_after IS NULL THEN '1 microsecond'::interval ELSE '0'::interval END;

COMMENT ON FUNCTION ghostwatch._due_up_to(ghostwatch._clause, timestamptz) IS
'The latest birth time whose deadline has come.';
