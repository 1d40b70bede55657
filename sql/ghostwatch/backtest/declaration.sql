CREATE FUNCTION ghostwatch._declaration(
    rule ghostwatch.invariant
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_declaration$
    -- The statement that declares an invariant as it is given.
    SELECT format(
        'SELECT ghostwatch.declare_invariant(%L, %L, %L, %L%s);',
        (SELECT c.name FROM ghostwatch.contract AS c WHERE c.contract_id = (rule).contract_id),
        (rule).name,
        (rule).related,
        (rule).related_key_column,
        (
            SELECT string_agg(format(', %I => %L', setting.name, setting.value), '' ORDER BY setting.place)
            FROM jsonb_each_text(jsonb_strip_nulls(to_jsonb(rule))) WITH ORDINALITY AS setting (name, value, place)
            WHERE setting.name NOT IN ('invariant_id', 'contract_id', 'name', 'related', 'related_name', 'related_key_column')
        )
    )
$_declaration$;

COMMENT ON FUNCTION ghostwatch._declaration(ghostwatch.invariant) IS
'The statement that declares an invariant with these settings.';
