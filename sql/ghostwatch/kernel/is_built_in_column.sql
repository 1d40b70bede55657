CREATE FUNCTION ghostwatch._is_built_in_column(
    relation regclass,
    column_name name
)
RETURNS boolean
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_is_built_in_column$
    -- A type that is not built in may bring casts and operators that are anybody's functions.
    SELECT coalesce(bool_or(b.typnamespace = 'pg_catalog'::regnamespace), false)
    FROM pg_attribute AS a
    INNER JOIN pg_type AS t
        ON t.oid = a.atttypid
    INNER JOIN pg_type AS b
        ON b.oid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END
    WHERE a.attrelid = relation
        AND a.attname = column_name
$_is_built_in_column$;

COMMENT ON FUNCTION ghostwatch._is_built_in_column(regclass, name) IS
'Whether a column is of a built-in type, or of a domain over one.';
