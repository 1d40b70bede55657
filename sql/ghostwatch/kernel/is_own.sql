CREATE FUNCTION ghostwatch._is_own(
    owner regrole
)
RETURNS boolean
LANGUAGE sql
STABLE
PARALLEL SAFE
-- Parsed when it is created, and without a SET clause, so that PostgreSQL puts it in the place of the call.
RETURN pg_has_role(owner, 'USAGE') OR pg_has_role((SELECT n.nspowner FROM pg_namespace AS n WHERE n.nspname = 'ghostwatch'), 'USAGE');

COMMENT ON FUNCTION ghostwatch._is_own(regrole) IS
'Whether the current role acts for the role that owns something, or for the owner of ghostwatch.';
