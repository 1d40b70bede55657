CREATE FUNCTION ghostwatch._remove_enforcement(
    contract_id integer
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
-- That the trigger goes with the function is what is wanted, and no news.
SET client_min_messages = warning
AS $_remove_enforcement$
-- Removes the trigger that enforces a contract, if there is one, together with its function.
-- Through the function, which is the contract owner's: dropping a trigger by itself takes the owner of the table.
DECLARE
    function_schema name := ghostwatch._enforcement_schema(_remove_enforcement.contract_id);
BEGIN
    IF function_schema IS NOT NULL THEN
        EXECUTE format('DROP FUNCTION %I.%I() CASCADE', function_schema, ghostwatch._enforcement_name(contract_id));
    END IF;
END
$_remove_enforcement$;

COMMENT ON FUNCTION ghostwatch._remove_enforcement(integer) IS
'Removes the trigger that enforces a contract, if there is one, together with its function.';
