CREATE FUNCTION ghostwatch._leave_search_path()
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL RESTRICTED
-- No SET clause, at whose end the path would be restored.
BEGIN ATOMIC
    SELECT set_config('search_path', 'pg_catalog, pg_temp', true);
END;

COMMENT ON FUNCTION ghostwatch._leave_search_path() IS
'Has names looked up in pg_catalog again, after ghostwatch._enter_search_path().';
