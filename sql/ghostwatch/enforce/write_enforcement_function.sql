CREATE FUNCTION ghostwatch._write_enforcement_function(
    contract_id integer,
    function_schema name
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_write_enforcement_function$
-- The function belongs to the contract's owner and is a definer: in anybody's transaction the declared expressions
-- run with the rights of the role that declared them and no others.
DECLARE
    enforced ghostwatch.contract;
BEGIN
    SELECT c.* INTO enforced FROM ghostwatch.contract AS c WHERE c.contract_id = _write_enforcement_function.contract_id;

    -- The table is gone, and the trigger with it; what is left of the contract can still be changed and dropped.
    IF NOT EXISTS (SELECT FROM pg_class AS r WHERE r.oid = enforced.subject) THEN
        RETURN;
    END IF;

    PERFORM ghostwatch._write_contract_function(
        enforced.contract_id,
        function_schema,
        ghostwatch._enforcement_name(enforced.contract_id),
        format('SET search_path = %s SET plan_cache_mode = force_generic_plan', enforced.search_path),
        ghostwatch._enforcement_body(enforced.contract_id),
        format(
            'Enforces the ghostwatch contract %L at COMMIT. To turn that off: SELECT ghostwatch.enforce(%L, ''observe'');',
            enforced.name, enforced.name
        )
    );
END
$_write_enforcement_function$;

COMMENT ON FUNCTION ghostwatch._write_enforcement_function(integer, name) IS
'Writes the trigger function that enforces a contract, owned by the contract''s owner. Raises GW076.';
