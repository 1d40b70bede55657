CREATE FUNCTION ghostwatch._require_runnable(
    contract text,
    role regrole DEFAULT quote_ident(current_user)::regrole
)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL RESTRICTED
-- A definer: row level security hides the contracts of others, and then their owner could not be named.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_require_runnable$
-- The expressions of a contract were written by its owner, and run only with the rights of that role.
DECLARE
    superuser name;
    its_contract_id integer;
    its_owner regrole;
BEGIN
    -- A function that an expression or a repair calls can undo SET ROLE, and so have the rights of whoever logged in.
    SELECT r.rolname INTO superuser
    FROM pg_roles AS r
    WHERE r.rolsuper
        AND (
            r.rolname = session_user
            OR r.oid = (SELECT a.usesysid FROM pg_stat_get_activity(pg_backend_pid()) AS a)
        )
    LIMIT 1;
    IF FOUND AND NOT (SELECT r.rolsuper FROM pg_roles AS r WHERE r.oid = role) THEN
        RAISE EXCEPTION 'a session of superuser % runs no expressions of role %', quote_ident(superuser), role
            USING ERRCODE = 'GW020',
                  DETAIL = format('They could undo SET ROLE %s, and would have the rights of a superuser.', role),
                  HINT = format('Connect as role %s. In psql: \connect - %1$s', role);
    END IF;

    IF contract IS NULL THEN
        RETURN;
    END IF;

    -- As an assignment: in a condition, it would be called while the query is planned, with an older snapshot.
    its_contract_id := ghostwatch._contract_id(contract);
    SELECT c.owner INTO its_owner FROM ghostwatch.contract AS c WHERE c.contract_id = its_contract_id;
    IF its_owner <> role THEN
        RAISE EXCEPTION 'contract % belongs to role % and is checked by that role only', quote_literal(contract), its_owner
            USING ERRCODE = 'GW020',
                  DETAIL = format('This session runs as %s; a check run lends its rights to nobody else''s expressions.', role),
                  HINT = format('Connect as role %s. In psql: \connect - %1$s', its_owner);
    END IF;
END
$_require_runnable$;

COMMENT ON FUNCTION ghostwatch._require_runnable(text, regrole) IS
'Refuses to check a contract that belongs to another role (NULL: to check any), and to do so in a session of a superuser that took the role of somebody else.
Raises GW001 (no such contract), GW020 (belongs to another role, or the session is a superuser''s).';
