CREATE FUNCTION ghostwatch._born_at_expression(
    clause ghostwatch._clause
)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
RETURN CASE
    WHEN (clause).capture THEN 's._arrived_at'
    ELSE ghostwatch._written_birth(clause)
END;

COMMENT ON FUNCTION ghostwatch._born_at_expression(ghostwatch._clause) IS
'SQL for the birth time of the subject s as a timestamptz: the one it carries or, under capture, when the database saw it come.';
