CREATE FUNCTION ghostwatch._remove_contract_trigger(
    contract_id integer,
    trigger_name name
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_remove_contract_trigger$
-- Through the function, which the contract's owner owns: only the owner of the table may drop a trigger itself. The lock excludes
-- all others from the table for a moment.
DECLARE
    function_schema constant name := ghostwatch._contract_trigger_schema(contract_id, trigger_name);
    relation regclass;
BEGIN
    IF function_schema IS NULL THEN
        RETURN;
    END IF;

    SELECT t.tgrelid
    INTO relation
    FROM pg_trigger AS t
    WHERE t.tgfoid = format('%I.%I()', function_schema, trigger_name)::regprocedure
    ORDER BY t.tgparentid, t.tgrelid
    LIMIT 1;

    PERFORM ghostwatch._execute_locking(
        relation,
        'AccessExclusiveLock',
        -- A notice that the triggers are dropped with the function would only distract.
        format(
            'SET LOCAL client_min_messages = warning; DROP FUNCTION %I.%I() CASCADE; SET LOCAL client_min_messages = %s',
            function_schema, trigger_name, current_setting('client_min_messages')
        )
    );
END
$_remove_contract_trigger$;

COMMENT ON FUNCTION ghostwatch._remove_contract_trigger(integer, name) IS
'Removes the triggers that call a function which serves a contract, together with the function, if it is there. Raises GW075.';
