CREATE FUNCTION ghostwatch.resume()
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $resume$
    -- The runs continue where they stopped.
    SELECT ghostwatch.reset_setting('paused');
$resume$;

COMMENT ON FUNCTION ghostwatch.resume() IS
'Lets check runs work again after ghostwatch.pause(); they catch up.';
