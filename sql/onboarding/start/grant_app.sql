CREATE FUNCTION onboarding.grant_app(
    role name
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $grant_app$
BEGIN
    PERFORM ghostwatch._require_grantable(grant_app.role, 'onboarding');
    PERFORM ghostwatch._note_grant(grant_app.role, 'app');

    EXECUTE format('GRANT USAGE ON SCHEMA onboarding TO %I', grant_app.role);
    EXECUTE format(
        'GRANT EXECUTE ON FUNCTION onboarding.start(bigint, text, text, text, boolean, text, text), '
        'onboarding.get_user_info(bigint), onboarding.refresh_user_info(bigint) TO %I',
        grant_app.role
    );
END
$grant_app$;

COMMENT ON FUNCTION onboarding.grant_app(name) IS
'Gives an application''s role what it needs to call onboarding.start() and to read the cache of user infos, and no right on any table.
Raises GW057 where there is no such role, GW058 where this session cannot grant.';
