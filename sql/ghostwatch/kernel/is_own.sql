CREATE FUNCTION ghostwatch._is_own(
    owner regrole
)
RETURNS boolean
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_is_own$
-- (plpgsql, so that a session that runs checks again and again plans this once.)
BEGIN
    RETURN pg_has_role(owner, 'USAGE')
        OR pg_has_role((SELECT n.nspowner FROM pg_namespace AS n WHERE n.nspname = 'ghostwatch'), 'USAGE');
END
$_is_own$;

COMMENT ON FUNCTION ghostwatch._is_own(regrole) IS
'Whether the current role acts for the role that owns something, or for the owner of ghostwatch.';
