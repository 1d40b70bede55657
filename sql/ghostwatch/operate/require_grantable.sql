CREATE FUNCTION ghostwatch._require_grantable(
    role name
)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_require_grantable$
-- Makes sure that this session can give the role privileges; GRANT itself would only warn.
-- Takes the role that is to receive them.
-- Raises GW057 where there is no such role, GW058 where this session does not act for the installation's owner.
DECLARE
    installer name;
BEGIN
    IF to_regrole(quote_ident(role)) IS NULL THEN
        RAISE EXCEPTION 'there is no role %', quote_nullable(role)
        USING
            ERRCODE = 'GW057',
            DETAIL = 'Nothing can be granted to it.',
            HINT = format('CREATE ROLE %I LOGIN;', coalesce(role, 'ghostwatch_sidecar'));
    END IF;

    SELECT pg_get_userbyid(n.nspowner)
    INTO installer
    FROM pg_namespace AS n
    WHERE n.oid = 'ghostwatch'::regnamespace;

    IF NOT pg_has_role(installer, 'USAGE') THEN
        RAISE EXCEPTION 'role % cannot grant privileges on ghostwatch', current_user
        USING
            ERRCODE = 'GW058',
            DETAIL = format('Everything in schema ghostwatch belongs to %s.', installer),
            HINT = format('SET ROLE %I;', installer);
    END IF;
END
$_require_grantable$;

COMMENT ON FUNCTION ghostwatch._require_grantable(name) IS
'Raises GW057 where there is no such role, GW058 where this session cannot grant privileges on ghostwatch.';
