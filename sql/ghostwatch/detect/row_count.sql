CREATE FUNCTION ghostwatch._row_count(
    clause ghostwatch._clause,
    subject_key text
)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $_row_count$
-- Declared SQL runs here, with the rights of who declared it: @plpgsql_check_options: security_warnings = false
DECLARE
    row_count bigint;
BEGIN
    PERFORM ghostwatch._enter_search_path(clause.search_path);
    EXECUTE format('SELECT q.row_count FROM (%s) AS q LIMIT 1', ghostwatch._subject_query(clause, 'keys', detail => 'row_count'))
    INTO row_count
    USING ARRAY[subject_key];
    PERFORM ghostwatch._leave_search_path();

    RETURN row_count;
END
$_row_count$;

COMMENT ON FUNCTION ghostwatch._row_count(ghostwatch._clause, text) IS
'How many related rows of a clause a subject has.';
