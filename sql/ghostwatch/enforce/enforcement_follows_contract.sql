CREATE FUNCTION ghostwatch._enforcement_follows_contract(
    before ghostwatch.contract,
    after ghostwatch.contract
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_enforcement_follows_contract$
-- Only another table or key takes a lock on the table; all else is in the function. Called by whoever changes a
-- contract, with the rights of its owner, whose triggers they are.
DECLARE
    trigger_name constant name := ghostwatch._enforcement_name(after.contract_id);
    function_schema constant name := ghostwatch._contract_trigger_schema(after.contract_id, ghostwatch._enforcement_name(after.contract_id));
BEGIN
    IF before.contract_id IS NULL
        OR (before.enforcement <> 'observe', before.subject, before.key_column, before.search_path)
        IS NOT DISTINCT FROM (after.enforcement <> 'observe', after.subject, after.key_column, after.search_path)
    THEN
        RETURN;
    END IF;

    IF (before.subject, before.key_column) IS DISTINCT FROM (after.subject, after.key_column) THEN
        PERFORM ghostwatch._remove_contract_trigger(after.contract_id, trigger_name);
    ELSIF after.enforcement = 'observe' AND function_schema IS NOT NULL THEN
        PERFORM ghostwatch._write_enforcement_function(after.contract_id, function_schema);
    END IF;

    IF after.enforcement <> 'observe' THEN
        PERFORM ghostwatch._install_enforcement(after.contract_id);
    END IF;
END
$_enforcement_follows_contract$;

COMMENT ON FUNCTION ghostwatch._enforcement_follows_contract(ghostwatch.contract, ghostwatch.contract) IS
'Brings the triggers on a contract''s subjects, and their function, to what the contract says after a change. Raises GW075, GW076.';
