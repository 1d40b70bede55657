-- Refuses to install without ghostwatch (GW903), or over anything that is there already (GW901).
DO $guard$
BEGIN
    IF pg_catalog.to_regclass('ghostwatch.installation') IS NULL THEN
        RAISE EXCEPTION 'ghostwatch is not installed in database %', pg_catalog.current_database()
            USING ERRCODE = 'GW903',
                  DETAIL  = 'ghostwatch_onboarding declares its contract through it.',
                  HINT    = 'Install ghostwatch first: CREATE EXTENSION ghostwatch; or psql -f ghostwatch.sql';
    END IF;

    IF pg_catalog.to_regnamespace('onboarding') IS NOT NULL THEN
        RAISE EXCEPTION 'schema onboarding already exists in database %', pg_catalog.current_database()
            USING ERRCODE = 'GW901',
                  DETAIL  = 'It is what an installation of ghostwatch_onboarding creates.',
                  HINT    = 'To see the version, if it is one: SELECT * FROM onboarding.installation;';
    END IF;
END
$guard$;
