CREATE FUNCTION ghostwatch._check_expression(
    what text,
    expression text,
    from_item text,
    expected_type text,
    statement text,
    expression_path text
)
RETURNS text
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_check_expression$
-- Declared SQL runs here, with the rights of who declared it: @plpgsql_check_options: security_warnings = false
DECLARE
    found_type text;
    problem text;
BEGIN
    IF expression IS NULL THEN
        RETURN NULL;
    END IF;

    PERFORM ghostwatch._enter_search_path(expression_path);

    -- In WHERE, since it is asked row by row: no place for aggregates, windows or sets of rows.
    EXECUTE format(E'SELECT FROM %s WHERE (\n%s\n) IS NULL LIMIT 0', from_item, expression);
    -- In brackets of another kind, so that no text can close one, add something of its own and open it again.
    EXECUTE format(E'SELECT ARRAY[\n%s\n] FROM %s LIMIT 0', expression, from_item);
    EXECUTE format(E'SELECT pg_catalog.pg_typeof((SELECT (\n%s\n) FROM %s LIMIT 0))::text', expression, from_item)
    INTO found_type;
    PERFORM ghostwatch._leave_search_path();

    IF found_type IS DISTINCT FROM coalesce(expected_type, found_type) THEN
        RAISE EXCEPTION '% is of type %, not %', what, found_type, expected_type
            USING ERRCODE = 'GW006',
                  DETAIL = format('The expression is: %s', expression),
                  HINT = format('Make it a condition, for instance with IS NOT NULL, and declare again: %s', statement);
    END IF;

    RETURN found_type;
EXCEPTION
    WHEN undefined_column OR undefined_table OR undefined_function OR undefined_object OR undefined_parameter
      OR invalid_schema_name OR insufficient_privilege THEN
        GET STACKED DIAGNOSTICS problem = MESSAGE_TEXT;
        RAISE EXCEPTION '% refers to something that is not there or not permitted: %', what, problem
            USING ERRCODE = 'GW005',
                  DETAIL = format('The expression is: %s', expression),
                  HINT = format('The subject''s row is s, the related row r; correct the name and declare again: %s', statement);
    WHEN syntax_error OR grouping_error OR windowing_error OR feature_not_supported OR cardinality_violation
      OR datatype_mismatch OR ambiguous_column OR ambiguous_function OR data_exception THEN
        GET STACKED DIAGNOSTICS problem = MESSAGE_TEXT;
        RAISE EXCEPTION '% is not one valid SQL expression: %', what, problem
            USING ERRCODE = 'GW004',
                  DETAIL = format('The expression is: %s', expression),
                  HINT = format('Correct it and declare again: %s', statement);
END
$_check_expression$;

COMMENT ON FUNCTION ghostwatch._check_expression(text, text, text, text, text, text) IS
'Parses and plans a declared expression without running it on a row. what: how messages call it; from_item: what its
aliases stand for; expected_type: ''boolean'', or NULL for any; statement: what to type to declare it again.
expression_path: the search path that the expression will be run with. Raises GW004 (does not parse), GW005 (refers to
what is not there), GW006 (wrong type).';
