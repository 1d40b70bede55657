CREATE FUNCTION ghostwatch._remove_contract_trigger(
    contract_id integer,
    trigger_name name
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
-- That the trigger goes with the function is what is wanted, and no news.
SET client_min_messages = warning
AS $_remove_contract_trigger$
-- Removes a trigger that serves a contract, if there is one, together with its function of the same name.
-- Through the function, which is the contract owner's: dropping a trigger by itself takes the owner of the table.
DECLARE
    function_schema constant name := ghostwatch._contract_trigger_schema(contract_id, trigger_name);
BEGIN
    IF function_schema IS NOT NULL THEN
        EXECUTE format('DROP FUNCTION %I.%I() CASCADE', function_schema, trigger_name);
    END IF;
END
$_remove_contract_trigger$;

COMMENT ON FUNCTION ghostwatch._remove_contract_trigger(integer, name) IS
'Removes a trigger that serves a contract, if there is one, together with its function.';
