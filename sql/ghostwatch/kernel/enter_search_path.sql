CREATE FUNCTION ghostwatch._enter_search_path(
    path text
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL RESTRICTED
-- No SET clause, at whose end the path would be restored. It lasts until the calling function, which has one, returns.
BEGIN ATOMIC
    SELECT set_config('search_path', path, true);
END;

COMMENT ON FUNCTION ghostwatch._enter_search_path(text) IS
'Has the names in declared expressions looked up along the path of their contract, until ghostwatch._leave_search_path() or the end of the calling function.';
