CREATE FUNCTION ghostwatch._contract_owner(
    contract_id integer
)
RETURNS regrole
LANGUAGE sql
STABLE
PARALLEL SAFE
-- A definer: an error says whose contract it is, though row level security hides the contract.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_contract_owner$
    -- Who owns a contract is no secret; what it says is.
    SELECT c.owner FROM ghostwatch.contract AS c WHERE c.contract_id = _contract_owner.contract_id
$_contract_owner$;

COMMENT ON FUNCTION ghostwatch._contract_owner(integer) IS
'The role that declared a contract; NULL where there is no such contract.';
