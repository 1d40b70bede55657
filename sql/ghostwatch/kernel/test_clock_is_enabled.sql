CREATE FUNCTION ghostwatch._test_clock_is_enabled()
RETURNS boolean
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_test_clock_is_enabled$
    -- Read from the function itself, so that no other record can disagree with it.
    SELECT pg_get_function_sqlbody('ghostwatch._clock()'::regprocedure) LIKE '%current_setting%'
$_test_clock_is_enabled$;

COMMENT ON FUNCTION ghostwatch._test_clock_is_enabled() IS
'Whether sessions may set the time that ghostwatch reads (enable_test_clock).';
