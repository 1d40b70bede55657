CREATE FUNCTION ghostwatch._require_grantable(
    role name,
    in_schema name DEFAULT 'ghostwatch'
)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_require_grantable$
-- GRANT itself would only warn.
DECLARE
    installer name;
BEGIN
    IF role = 'public' THEN
        RAISE EXCEPTION 'nothing of ghostwatch can be granted to PUBLIC'
        USING
            ERRCODE = 'GW057',
            DETAIL = 'PUBLIC stands for every role of the server.',
            HINT = 'Grant to a role of its own: CREATE ROLE ghostwatch_sidecar LOGIN;';
    END IF;

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
    WHERE n.nspname = _require_grantable.in_schema;

    IF NOT pg_has_role(installer, 'USAGE') THEN
        RAISE EXCEPTION 'role % cannot grant privileges on %', current_user, in_schema
        USING
            ERRCODE = 'GW058',
            DETAIL = format('Everything in schema %I belongs to %s.', in_schema, installer),
            HINT = format('SET ROLE %I;', installer);
    END IF;
END
$_require_grantable$;

COMMENT ON FUNCTION ghostwatch._require_grantable(name, name) IS
'Raises GW057 where there is no such role, GW058 where this session cannot grant privileges on the schema.';
