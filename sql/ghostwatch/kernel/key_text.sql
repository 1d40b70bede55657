CREATE FUNCTION ghostwatch._key_text(
    relation regclass,
    row_name text,
    key_columns name[]
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_key_text$
    -- A cast of a type that is not built in may be anybody's function; its output function is not. Everywhere the same,
    -- for keys are compared as text.
    SELECT format(
        CASE WHEN count(*) = 1 THEN '%s' ELSE 'ARRAY[%s]::pg_catalog.text' END,
        string_agg(
            format(
                CASE WHEN ghostwatch._is_built_in_column(relation, k.name) THEN '%s.%I::pg_catalog.text' ELSE 'pg_catalog.format(''%%s'', %s.%I)' END,
                row_name,
                k.name
            ),
            ', '
            ORDER BY k.place
        )
    )
    FROM unnest(key_columns) WITH ORDINALITY AS k (name, place)
$_key_text$;

COMMENT ON FUNCTION ghostwatch._key_text(regclass, text, name[]) IS
'SQL for a key as text: of one column its value, of several an array of their values. It uses no cast that is not built in.';
