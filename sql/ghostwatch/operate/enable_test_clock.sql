CREATE FUNCTION ghostwatch.enable_test_clock()
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $enable_test_clock$
-- Only the owner of the function may replace it, so no grant can pass this right on. A dump of an extension has no function bodies,
-- so a restored database uses the server's time again.
DECLARE
    installer name;
    owner     name;
BEGIN
    SELECT
        pg_get_userbyid(n.nspowner),
        pg_get_userbyid(d.datdba)
    INTO installer, owner
    FROM pg_namespace AS n
    CROSS JOIN pg_database AS d
    WHERE n.nspname = 'ghostwatch'
        AND d.datname = current_database();

    IF NOT (pg_has_role(installer, 'USAGE') AND pg_has_role(owner, 'USAGE')) THEN
        RAISE EXCEPTION 'role % cannot enable a test clock in database %', current_user, current_database()
        USING
            ERRCODE = 'GW060',
            DETAIL = format('The database belongs to %I and ghostwatch to %I.', owner, installer),
            HINT = format('SET ROLE %I;', CASE WHEN pg_has_role(owner, 'USAGE') THEN installer ELSE owner END);
    END IF;

    CREATE OR REPLACE FUNCTION ghostwatch._clock()
    RETURNS timestamptz
    LANGUAGE sql
    VOLATILE
    PARALLEL SAFE
    RETURN coalesce(nullif(current_setting('ghostwatch.clock', true), '')::timestamptz, clock_timestamp());
END
$enable_test_clock$;

COMMENT ON FUNCTION ghostwatch.enable_test_clock() IS
'For test databases only: from now on every session may set the time that ghostwatch reads, by the setting ghostwatch.clock. '
'Needs the roles that own the database and ghostwatch. Raises GW060.';
