CREATE FUNCTION ghostwatch._key_equals(
    relation regclass,
    key_columns name[]
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_key_equals$
    -- A type that is not built in has its operator in a schema of the search path, as its owner declared it.
    SELECT string_agg(
        format(
            's.%1$I %2$s NEW.%1$I',
            k.name,
            CASE WHEN ghostwatch._is_built_in_column(relation, k.name) THEN 'OPERATOR(pg_catalog.=)' ELSE '=' END
        ),
        ' AND '
        ORDER BY k.place
    )
    FROM unnest(key_columns) WITH ORDINALITY AS k (name, place)
$_key_equals$;

COMMENT ON FUNCTION ghostwatch._key_equals(regclass, name[]) IS
'SQL condition for the subject s with the key of NEW, in a function that runs in the transactions of others.';
