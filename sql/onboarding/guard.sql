-- Refuses to install without ghostwatch (GW903), over anything that is there already (GW901), or on top of a schema
-- ghostwatch whose owner this role need not trust (GW902): that role's functions would run with this role's rights.
-- Decides by the catalogs alone.
DO $guard$
DECLARE
    core_owner name;
    trusted    boolean;
    has_record boolean;
BEGIN
    SELECT
        pg_catalog.pg_get_userbyid(n.nspowner),
        r.rolsuper OR r.rolname = current_user,
        c.oid IS NOT NULL
    INTO core_owner, trusted, has_record
    FROM pg_catalog.pg_namespace AS n
    INNER JOIN pg_catalog.pg_roles AS r ON r.oid = n.nspowner
    LEFT JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = 'installation' AND c.relkind = 'r' AND c.relowner = n.nspowner
    WHERE n.nspname = 'ghostwatch';

    IF core_owner IS NULL OR (trusted AND NOT has_record) THEN
        RAISE EXCEPTION 'ghostwatch is not installed in database %', pg_catalog.current_database()
            USING ERRCODE = 'GW903',
                  DETAIL  = 'ghostwatch_onboarding declares its contract through it.',
                  HINT    = 'Install ghostwatch first: CREATE EXTENSION ghostwatch; or psql -v ON_ERROR_STOP=1 -f ghostwatch.sql';
    END IF;

    IF NOT trusted THEN
        RAISE EXCEPTION 'schema ghostwatch belongs to role %', pg_catalog.quote_ident(core_owner)
            USING ERRCODE = 'GW902',
                  DETAIL  = pg_catalog.format('Its functions would run with the rights of role %I.', current_user),
                  HINT    = pg_catalog.format('Install both with one role: SET ROLE %I;', core_owner);
    END IF;

    IF pg_catalog.to_regnamespace('onboarding') IS NOT NULL THEN
        RAISE EXCEPTION 'schema onboarding already exists in database %', pg_catalog.current_database()
            USING ERRCODE = 'GW901',
                  DETAIL  = 'It is what an installation of ghostwatch_onboarding creates.',
                  HINT    = 'To see the version, if it is one: SELECT * FROM onboarding.installation;';
    END IF;
END
$guard$;
