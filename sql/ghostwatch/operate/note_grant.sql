CREATE FUNCTION ghostwatch._note_grant(
    role name,
    kind text
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_note_grant$
    -- Roles that were dropped are removed: another role may get their number.
    DELETE FROM ghostwatch.granted_role AS g
    WHERE NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = g.role);

    INSERT INTO ghostwatch.granted_role (role, kind)
    VALUES (quote_ident(_note_grant.role)::regrole, _note_grant.kind)
    ON CONFLICT DO NOTHING
$_note_grant$;

COMMENT ON FUNCTION ghostwatch._note_grant(name, text) IS
'Records that ghostwatch grants privileges to a role.';
