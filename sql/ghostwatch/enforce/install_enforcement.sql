CREATE FUNCTION ghostwatch._install_enforcement(
    contract_id integer
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_install_enforcement$
-- Where the triggers are there already, from an earlier time of enforcement, the function is written anew and no table
-- is locked.
DECLARE
    enforced ghostwatch.contract;
    function_name constant name := ghostwatch._enforcement_name(contract_id);
    function_schema name := ghostwatch._contract_trigger_schema(contract_id, ghostwatch._enforcement_name(contract_id));
    statements text;
BEGIN
    SELECT c.* INTO enforced FROM ghostwatch.contract AS c WHERE c.contract_id = _install_enforcement.contract_id;

    IF function_schema IS NULL THEN
        SELECT n.nspname
        INTO function_schema
        FROM pg_class AS c
        INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.oid = enforced.subject;
    END IF;

    PERFORM ghostwatch._write_enforcement_function(enforced.contract_id, function_schema);

    -- The condition of the first is always true. It makes the trigger depend on ghostwatch, so that
    -- removing ghostwatch removes it too and leaves no table that nobody can write.
    -- The second one judges a subject that takes another key in its transaction; it compares keys as
    -- text by their output functions, which no role can redefine and which a dump restores under any search path.
    SELECT string_agg(
        format(
            'CREATE CONSTRAINT TRIGGER %I AFTER %s ON %s DEFERRABLE INITIALLY DEFERRED '
            'FOR EACH ROW WHEN (NULL::ghostwatch.contract IS NULL%s) EXECUTE FUNCTION %I.%I()',
            w.trigger_name, w.event, enforced.subject, w.condition, function_schema, function_name
        ),
        '; '
    )
    INTO statements
    FROM (
        VALUES
            (function_name::text, 'INSERT', ''),
            (
                function_name || '_key',
                'UPDATE OF ' || ghostwatch._column_names(enforced.key_column),
                (
                    SELECT format(
                        ' AND (%s)',
                        string_agg(
                            format('pg_catalog.format(''%%s'', OLD.%1$I) OPERATOR(pg_catalog.<>) pg_catalog.format(''%%s'', NEW.%1$I)', k.name),
                            ' OR '
                        )
                    )
                    FROM unnest(enforced.key_column) AS k (name)
                )
            )
    ) AS w (trigger_name, event, condition)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_trigger AS t
        WHERE t.tgrelid = enforced.subject
            AND t.tgname = w.trigger_name
    );

    IF statements IS NOT NULL THEN
        PERFORM ghostwatch._execute_locking(enforced.subject, 'ShareRowExclusiveLock', statements);
    END IF;
END
$_install_enforcement$;

COMMENT ON FUNCTION ghostwatch._install_enforcement(integer) IS
'Puts the triggers that enforce a contract on the table of its subjects. Takes the rights TRIGGER on the table and
CREATE on its schema. Raises GW075, GW076.';
