CREATE FUNCTION ghostwatch.disable_test_clock()
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $disable_test_clock$
-- Only the owner of the function may replace it, as with enabling.
BEGIN
    CREATE OR REPLACE FUNCTION ghostwatch._clock()
    RETURNS timestamptz
    LANGUAGE sql
    VOLATILE
    PARALLEL SAFE
    RETURN clock_timestamp();
END
$disable_test_clock$;

COMMENT ON FUNCTION ghostwatch.disable_test_clock() IS
'Makes ghostwatch read the server''s time again after enable_test_clock().';
