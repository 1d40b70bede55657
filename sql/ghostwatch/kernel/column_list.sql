CREATE FUNCTION ghostwatch._column_list(
    columns text
)
RETURNS name[]
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_column_list$
    -- An argument that takes one name as it is, or several as PostgreSQL writes an array. Only what looks like a plain
    -- array is read as one, so that every other text is the name of a column that is not there.
    SELECT CASE
        WHEN columns IS NULL THEN NULL
        WHEN columns ~ '^\{("([^"\\]|\\.)+"|[^"\\{},]+)(,("([^"\\]|\\.)+"|[^"\\{},]+))*\}$' THEN columns::name[]
        ELSE ARRAY[columns::name]
    END
$_column_list$;

COMMENT ON FUNCTION ghostwatch._column_list(text) IS
'The columns that an argument names: one name (user_id), or several as an array ({tenant_id,user_id}).';
