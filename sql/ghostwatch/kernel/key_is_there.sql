CREATE FUNCTION ghostwatch._key_is_there(
    row_name text,
    key_columns name[]
)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_key_is_there$
    -- A row without a key cannot be found again, so it is not judged; the doctor reports it.
    SELECT string_agg(format('%s.%I IS NOT NULL', row_name, k.name), ' AND ' ORDER BY k.place)
    FROM unnest(key_columns) WITH ORDINALITY AS k (name, place)
$_key_is_there$;

COMMENT ON FUNCTION ghostwatch._key_is_there(text, name[]) IS
'SQL condition for the rows that have a key: no column of it is NULL.';
