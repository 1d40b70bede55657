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
-- Where pg_cron is.
-- Returns whether the server has loaded it, in which database it lives (NULL where this role may not know),
-- and whether that is this database, with the extension created.
BEGIN
    here := EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'pg_cron');

    IF here THEN
        loaded := true;
        database := current_database()::text;
        RETURN;
    END IF;

    -- Reading the setting fails only where pg_cron is loaded; that it can be read does not say so,
    -- since a configuration file may name it for nothing.
    database := current_setting('cron.database_name', true);
    loaded := EXISTS (SELECT FROM pg_settings AS s WHERE s.name = 'cron.database_name');
EXCEPTION
    WHEN insufficient_privilege THEN
        loaded := true;
END
$_cron$;

COMMENT ON FUNCTION ghostwatch._cron() IS
'Whether pg_cron is loaded, in which database it lives (NULL where this role may not know), and whether that is this one.';
