CREATE FUNCTION ghostwatch._set_enforcement(
    contract_id integer,
    mode text,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS ghostwatch.contract
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_set_enforcement$
-- The triggers, which belong to the contract's owner, are brought up to date by the caller.
DECLARE
    changed ghostwatch.contract;
BEGIN
    PERFORM ghostwatch._require_contract_owner(contract_id, role => ghostwatch._caller(credential));

    UPDATE ghostwatch.contract AS c
    SET enforcement = mode
    WHERE c.contract_id = _set_enforcement.contract_id
    RETURNING c.* INTO changed;

    RETURN changed;
END
$_set_enforcement$;

COMMENT ON FUNCTION ghostwatch._set_enforcement(integer, text, uuid) IS
'Records how a contract is enforced; returns the changed row. Raises GW008 (belongs to another role).';
