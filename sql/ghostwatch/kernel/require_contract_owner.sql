CREATE FUNCTION ghostwatch._require_contract_owner(
    contract_id integer,
    declaring boolean DEFAULT false,
    role regrole DEFAULT quote_ident(current_user)::regrole
)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
-- A definer: row level security hides the contracts of others, and then their owner could not be named.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_require_contract_owner$
-- Checking an expression plans it, which runs functions that its owner wrote. A superuser, or a member of the owner,
-- would run them with more rights than the owner has, so only the owner itself declares.
DECLARE
    its_contract ghostwatch.contract;
BEGIN
    SELECT c.* INTO its_contract FROM ghostwatch.contract AS c
    WHERE c.contract_id = _require_contract_owner.contract_id;

    IF NOT (
            pg_has_role(role, its_contract.owner, 'USAGE')
            -- Whoever owns the tables may change them anyway; and buttons are pressed with these rights.
            OR pg_has_role(role, (SELECT n.nspowner FROM pg_namespace AS n WHERE n.nspname = 'ghostwatch'), 'USAGE')
        )
        OR (declaring AND its_contract.owner <> role) THEN
        RAISE EXCEPTION 'contract % belongs to role %', quote_literal(its_contract.name), its_contract.owner
            USING ERRCODE = 'GW008',
                  DETAIL = 'Its expressions run with the rights of the role that declared it, so only that role may change it.',
                  HINT = format('SET ROLE %s;', its_contract.owner);
    END IF;
END
$_require_contract_owner$;

COMMENT ON FUNCTION ghostwatch._require_contract_owner(integer, boolean, regrole) IS
'Refuses roles that are no member of the one that declared the contract and, where expressions are checked (declaring), every other role. Raises GW008.';
