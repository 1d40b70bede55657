CREATE FUNCTION ghostwatch._require_contract_owner(
    contract_id integer
) RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_require_contract_owner$
-- A contract's expressions run with the rights of the role that declared it, so nobody else may write them. Raises GW008.
DECLARE
    its_contract ghostwatch.contract;
BEGIN
    SELECT c.* INTO its_contract FROM ghostwatch.contract AS c
    WHERE c.contract_id = _require_contract_owner.contract_id;

    IF NOT pg_has_role(its_contract.owner, 'USAGE') THEN
        RAISE EXCEPTION 'contract % belongs to role %', quote_literal(its_contract.name), its_contract.owner
            USING ERRCODE = 'GW008',
                  DETAIL = 'Its expressions run with the rights of the role that declared it, so only that role may change it.',
                  HINT = format('SET ROLE %s', its_contract.owner);
    END IF;
END
$_require_contract_owner$;

COMMENT ON FUNCTION ghostwatch._require_contract_owner(integer) IS
'Refuses anybody but the role that declared the contract, and members of it. Raises GW008.';
