CREATE FUNCTION ghostwatch._column_names(
    columns name[]
)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_column_names$
    -- Fit for a message as well as for SQL.
    SELECT string_agg(quote_ident(c.name), ', ' ORDER BY c.place)
    FROM unnest(columns) WITH ORDINALITY AS c (name, place)
$_column_names$;

COMMENT ON FUNCTION ghostwatch._column_names(name[]) IS
'The names of columns as a list of identifiers: tenant_id, user_id.';
