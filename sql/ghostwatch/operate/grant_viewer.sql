CREATE FUNCTION ghostwatch.grant_viewer(
    role name
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $grant_viewer$
DECLARE
    viewing regprocedure;
BEGIN
    PERFORM ghostwatch._require_grantable(grant_viewer.role);
    PERFORM ghostwatch._note_grant(grant_viewer.role, 'viewer');

    EXECUTE format('GRANT USAGE ON SCHEMA ghostwatch TO %I', grant_viewer.role);

    FOR viewing IN
        SELECT f FROM ghostwatch._viewer_functions() AS f
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', viewing, grant_viewer.role);
    END LOOP;
END
$grant_viewer$;

COMMENT ON FUNCTION ghostwatch.grant_viewer(name) IS
'Lets a role read what the page shows: counts, states and alerts of every contract. It can read no table, and no key '
'of a subject unless the setting page_sample_keys is on. An upgrade calls this again for each such role. '
'Raises GW057 where there is no such role, GW058 where this session cannot grant.';
