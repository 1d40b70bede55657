CREATE FUNCTION ghostwatch._install_enforcement(
    contract_id integer
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_install_enforcement$
-- Puts the trigger that enforces a contract on the table of its subjects, its function beside that table.
-- Waits for running transactions that write the table, and takes the rights TRIGGER on it and CREATE on its schema.
DECLARE
    enforced ghostwatch.contract;
    trigger_name constant name := ghostwatch._enforcement_name(contract_id);
    function_schema name;
BEGIN
    SELECT c.* INTO enforced FROM ghostwatch.contract AS c WHERE c.contract_id = _install_enforcement.contract_id;
    SELECT n.nspname
    INTO function_schema
    FROM pg_class AS c
    INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.oid = enforced.subject;

    PERFORM ghostwatch._write_enforcement_function(enforced.contract_id, function_schema);

    -- The condition is always true. It makes the trigger depend on ghostwatch, so that
    -- removing ghostwatch removes it too and leaves no table that nobody can write.
    EXECUTE format(
        'CREATE CONSTRAINT TRIGGER %I AFTER INSERT ON %s DEFERRABLE INITIALLY DEFERRED '
        'FOR EACH ROW WHEN (NULL::ghostwatch.contract IS NULL) EXECUTE FUNCTION %I.%I()',
        trigger_name,
        enforced.subject,
        function_schema,
        trigger_name
    );
    EXECUTE format(
        'COMMENT ON FUNCTION %I.%I() IS %L',
        function_schema,
        trigger_name,
        format(
            'Enforces the ghostwatch contract %L at COMMIT. To turn that off: SELECT ghostwatch.enforce(%L, ''observe'');',
            enforced.name,
            enforced.name
        )
    );
END
$_install_enforcement$;

COMMENT ON FUNCTION ghostwatch._install_enforcement(integer) IS
'Puts the trigger that enforces a contract on the table of its subjects.';
