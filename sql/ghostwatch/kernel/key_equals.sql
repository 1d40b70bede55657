CREATE FUNCTION ghostwatch._key_equals(
    relation regclass,
    key_column name
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_key_equals$
    -- A type that is not built in has its operator in a schema of the search path, as its owner declared it.
    SELECT CASE WHEN ghostwatch._is_built_in_column(relation, key_column) THEN 'OPERATOR(pg_catalog.=)' ELSE '=' END
$_key_equals$;

COMMENT ON FUNCTION ghostwatch._key_equals(regclass, name) IS
'The operator that compares two keys in a function that runs in the transactions of others.';
