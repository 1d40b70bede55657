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
    SELECT CASE WHEN bool_or(b.typnamespace = 'pg_catalog'::regnamespace) THEN 'OPERATOR(pg_catalog.=)' ELSE '=' END
    FROM pg_attribute AS a
    INNER JOIN pg_type AS t
        ON t.oid = a.atttypid
    INNER JOIN pg_type AS b
        ON b.oid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END
    WHERE a.attrelid = relation
        AND a.attname = key_column
$_key_equals$;

COMMENT ON FUNCTION ghostwatch._key_equals(regclass, name) IS
'The operator that compares two keys in a function that runs in the transactions of others.';
