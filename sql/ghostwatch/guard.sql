-- Refuses to install over anything that is there already, or where it could not get far.
-- Raises GW901 over an installation of ghostwatch of either kind, GW902 over a foreign schema of that name,
-- GW904 for a role that may not create a schema.
DO $guard$
DECLARE
    installed_kind    text;
    installed_version text;
BEGIN
    IF pg_catalog.to_regnamespace('ghostwatch') IS NULL THEN
        IF NOT pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') THEN
            RAISE EXCEPTION 'role % may not create a schema in database %', current_user, pg_catalog.current_database()
                USING ERRCODE = 'GW904',
                      DETAIL  = 'What is installed belongs to the role that installs it, which needs no other right.',
                      HINT    = pg_catalog.format('GRANT CREATE ON DATABASE %I TO %I;', pg_catalog.current_database(), current_user);
        END IF;
        RETURN;
    END IF;

    IF pg_catalog.to_regclass('ghostwatch.installation') IS NULL THEN
        RAISE EXCEPTION 'schema ghostwatch exists and does not belong to an installation of ghostwatch'
            USING ERRCODE = 'GW902',
                  DETAIL  = 'It has no table ghostwatch.installation.',
                  HINT    = 'ALTER SCHEMA ghostwatch RENAME TO another_name;';
    END IF;

    -- Read at run time only: the table does not exist when this block is compiled.
    EXECUTE 'SELECT i.kind, i.version FROM ghostwatch.installation AS i'
       INTO installed_kind, installed_version;

    RAISE EXCEPTION 'ghostwatch is already installed in database %', pg_catalog.current_database()
        USING ERRCODE = 'GW901',
              DETAIL  = pg_catalog.format('Found version %s, installed as %s.', installed_version, installed_kind),
              HINT    = 'To see it: SELECT * FROM ghostwatch.installation; to remove it with all that it recorded: '
                        || CASE installed_kind
                               WHEN 'extension' THEN 'DROP EXTENSION ghostwatch CASCADE;'
                               ELSE 'DROP SCHEMA ghostwatch CASCADE;'
                           END;
END
$guard$;
