CREATE FUNCTION ghostwatch._delete_contract(
    contract_id integer,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_delete_contract$
-- The triggers on its table, which belong to its owner, are removed by the caller.
BEGIN
    PERFORM ghostwatch._require_contract_owner(contract_id, role => ghostwatch._caller(credential));
    DELETE FROM ghostwatch.contract AS c WHERE c.contract_id = _delete_contract.contract_id;
END
$_delete_contract$;

COMMENT ON FUNCTION ghostwatch._delete_contract(integer, uuid) IS
'Deletes a contract. Raises GW008 (belongs to another role).';
