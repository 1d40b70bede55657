CREATE FUNCTION ghostwatch._cron(
    OUT loaded boolean,
    OUT database text,
    OUT here boolean
)
RETURNS record
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_cron$
-- The setting cron.database_name can be read only where pg_cron is loaded; a value alone does not prove that, since a configuration
-- file may contain it without effect.
BEGIN
    here := EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'pg_cron');

    IF here THEN
        loaded := true;
        database := current_database()::text;
        RETURN;
    END IF;

    -- Only where pg_cron is loaded may this role be refused the setting.
    database := current_setting('cron.database_name', true);
    loaded := EXISTS (SELECT FROM pg_settings AS s WHERE s.name = 'cron.database_name');
EXCEPTION
    WHEN insufficient_privilege THEN
        loaded := true;
END
$_cron$;

COMMENT ON FUNCTION ghostwatch._cron() IS
'Whether pg_cron is loaded, in which database it is (NULL where this role may not know), and whether that is this one, with the extension created.';
