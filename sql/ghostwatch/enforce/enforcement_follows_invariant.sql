CREATE FUNCTION ghostwatch._enforcement_follows_invariant(
    contract_id integer
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_enforcement_follows_invariant$
-- Called by whoever declares or drops an invariant, with the rights of its owner. Where nothing was ever enforced,
-- nothing happens.
DECLARE
    function_schema constant name := ghostwatch._contract_trigger_schema(contract_id, ghostwatch._enforcement_name(contract_id));
BEGIN
    IF function_schema IS NOT NULL THEN
        PERFORM ghostwatch._write_enforcement_function(contract_id, function_schema);
    END IF;
END
$_enforcement_follows_invariant$;

COMMENT ON FUNCTION ghostwatch._enforcement_follows_invariant(integer) IS
'Writes the function that enforces a contract anew when one of its invariants comes, changes or goes. Raises GW076.';
