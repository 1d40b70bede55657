CREATE FUNCTION ghostwatch.grant_sidecar(
    role name
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $grant_sidecar$
DECLARE
    delivering regprocedure;
BEGIN
    PERFORM ghostwatch._require_grantable(grant_sidecar.role);
    PERFORM ghostwatch._note_grant(grant_sidecar.role, 'sidecar');

    EXECUTE format('GRANT USAGE ON SCHEMA ghostwatch TO %I', grant_sidecar.role);

    FOR delivering IN
        SELECT f FROM ghostwatch._sidecar_functions() AS f
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', delivering, grant_sidecar.role);
    END LOOP;
END
$grant_sidecar$;

COMMENT ON FUNCTION ghostwatch.grant_sidecar(name) IS
'Lets a role claim notifications and report what became of them, and nothing else: it can read no table. An upgrade '
'calls this again for each such role. '
'Raises GW057 where there is no such role, GW058 where this session cannot grant.';
