CREATE FUNCTION ghostwatch.pause()
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $pause$
    SELECT ghostwatch.set_setting('paused', 'true');
$pause$;

COMMENT ON FUNCTION ghostwatch.pause() IS
'Makes every check run of this database do nothing, whoever starts it, until ghostwatch.resume(). No subject is missed:
the runs after the pause catch up.';
