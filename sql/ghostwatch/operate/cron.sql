CREATE FUNCTION ghostwatch._cron(
    OUT loaded boolean,
    OUT database text,
    OUT here boolean
)
RETURNS record
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
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

    -- The setting exists wherever pg_cron is loaded, but not every role may read it.
    database := current_setting('cron.database_name', true);
    loaded := database IS NOT NULL;
EXCEPTION
    WHEN insufficient_privilege THEN
        loaded := true;
END
$_cron$;

COMMENT ON FUNCTION ghostwatch._cron() IS
'Whether pg_cron is loaded, in which database it lives (NULL where this role may not know), and whether that is this one.';
