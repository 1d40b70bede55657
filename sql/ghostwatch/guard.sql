-- Decides by the catalogs alone: whatever stands in a schema of this name may be somebody's view, or a table whose
-- defaults, rules or policies run code with the rights of the role that reads it.
-- Raises GW901 over an installation of ghostwatch of either kind, GW902 over a foreign schema of that name,
-- GW904 for a role that may not create a schema.
DO $guard$
DECLARE
    schema_owner name;
    is_extension boolean;
    has_record   boolean;
BEGIN
    SELECT pg_catalog.pg_get_userbyid(n.nspowner)
    INTO schema_owner
    FROM pg_catalog.pg_namespace AS n
    WHERE n.nspname = 'ghostwatch';

    IF schema_owner IS NULL THEN
        IF NOT pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') THEN
            RAISE EXCEPTION 'role % may not create a schema in database %', current_user, pg_catalog.current_database()
                USING ERRCODE = 'GW904',
                      DETAIL  = 'What is installed belongs to the role that installs it, which needs no other right.',
                      HINT    = pg_catalog.format('GRANT CREATE ON DATABASE %I TO %I;', pg_catalog.current_database(), current_user);
        END IF;
        RETURN;
    END IF;

    -- While CREATE EXTENSION runs this script, the extension exists already and has no member yet.
    SELECT EXISTS (
        SELECT FROM pg_catalog.pg_extension AS e
        INNER JOIN pg_catalog.pg_depend AS d ON d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.refobjid = e.oid
        WHERE e.extname = 'ghostwatch' AND d.deptype = 'e'
    )
    INTO is_extension;

    SELECT EXISTS (
        SELECT FROM pg_catalog.pg_class AS c
        INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname = 'ghostwatch'
            AND c.relname = 'installation'
            AND c.relkind = 'r'
            AND c.relowner = n.nspowner
            AND NOT c.relrowsecurity
            AND NOT c.relhastriggers
            AND NOT c.relhasrules
    )
    INTO has_record;

    IF NOT is_extension AND NOT has_record THEN
        RAISE EXCEPTION 'schema ghostwatch exists and does not belong to an installation of ghostwatch'
            USING ERRCODE = 'GW902',
                  DETAIL  = pg_catalog.format('It belongs to role %I and has no table ghostwatch.installation as ghostwatch creates it.', schema_owner),
                  HINT    = 'ALTER SCHEMA ghostwatch RENAME TO another_name;';
    END IF;

    RAISE EXCEPTION 'ghostwatch is already installed in database %', pg_catalog.current_database()
        USING ERRCODE = 'GW901',
              DETAIL  = pg_catalog.format('It is installed as %s and belongs to role %I.', CASE WHEN is_extension THEN 'extension' ELSE 'plain' END, schema_owner),
              HINT    = pg_catalog.format('As its owner: SET ROLE %I; SELECT * FROM ghostwatch.installation; to remove it with all that it recorded: ', schema_owner)
                        || CASE
                               WHEN is_extension THEN 'DROP EXTENSION ghostwatch CASCADE;'
                               ELSE 'DROP SCHEMA ghostwatch CASCADE; to make it an extension: ghostwatch migrate --to-extension'
                           END;
END
$guard$;
