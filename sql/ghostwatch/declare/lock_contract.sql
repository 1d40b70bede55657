CREATE FUNCTION ghostwatch._lock_contract(
    name text,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS ghostwatch.contract
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators lock no row themselves, and a name may be taken by a contract that they do not see.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_lock_contract$
-- Whoever declares the same contract at the same time waits.
DECLARE
    present ghostwatch.contract;
BEGIN
    PERFORM ghostwatch._require_contract_owner(c.contract_id, declaring => true, role => ghostwatch._caller(credential))
    FROM ghostwatch.contract AS c
    WHERE c.name = _lock_contract.name;

    SELECT c.* INTO present FROM ghostwatch.contract AS c WHERE c.name = _lock_contract.name FOR UPDATE;
    RETURN present;
END
$_lock_contract$;

COMMENT ON FUNCTION ghostwatch._lock_contract(text, uuid) IS
'The contract of a name as it is declared now, locked for the caller; NULL where there is none. Raises GW008 (belongs to another role).';
