CREATE FUNCTION ghostwatch._plain_birth(
    clause ghostwatch._clause
)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
-- The line ends keep a comment in the expression from hiding what follows it.
RETURN CASE
    WHEN (clause).born_at_expression IS NULL THEN format('s.%I', (clause).born_at_column)
    ELSE format(E'(\n%s\n)', (clause).born_at_expression)
END;

COMMENT ON FUNCTION ghostwatch._plain_birth(ghostwatch._clause) IS
'SQL for the birth time of the subject s as it was written: the column or the expression that an index may lead on.';
