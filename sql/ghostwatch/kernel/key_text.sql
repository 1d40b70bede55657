CREATE FUNCTION ghostwatch._key_text(
    relation regclass,
    row_name text,
    key_column name
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_key_text$
    -- A cast of a type that is not built in may be anybody's function; its output function is not.
    SELECT format(
        CASE WHEN ghostwatch._is_built_in_column(relation, key_column) THEN '%s.%I::pg_catalog.text' ELSE 'pg_catalog.format(''%%s'', %s.%I)' END,
        row_name,
        key_column
    )
$_key_text$;

COMMENT ON FUNCTION ghostwatch._key_text(regclass, text, name) IS
'SQL for a key as text in a function that runs in the transactions of others: no cast that is not built in.';
