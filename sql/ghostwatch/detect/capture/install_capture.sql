CREATE FUNCTION ghostwatch._install_capture(
    contract_id integer
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_install_capture$
-- Waits for running transactions that write the table: whoever is not recorded is visible afterwards.
DECLARE
    captured ghostwatch.contract;
    trigger_name constant name := ghostwatch._capture_name(contract_id);
    function_schema name;
    unfit regclass;
    relation regclass;
BEGIN
    SELECT c.* INTO captured FROM ghostwatch.contract AS c WHERE c.contract_id = _install_capture.contract_id;
    SELECT n.nspname, ghostwatch._without_triggers(c.oid)
    INTO function_schema, unfit
    FROM pg_class AS c
    INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.oid = captured.subject;

    IF unfit IS NOT NULL THEN
        RAISE EXCEPTION 'arrivals in % cannot be captured', captured.subject
            USING ERRCODE = 'GW017',
                  DETAIL = format('Only tables and partitioned tables of this server take the trigger that notes arrivals, not %s.', unfit),
                  HINT = format(
                      'SELECT ghostwatch.declare_contract(%L, %L, capture => false%s)',
                      captured.name, captured.subject, CASE WHEN captured.unique_key THEN ', unique_key => true' END
                  );
    END IF;

    function_schema := coalesce(ghostwatch._contract_trigger_schema(contract_id, trigger_name), function_schema);
    -- The time limit is for a lock on ghostwatch.arrival: nobody who signs up waits for that.
    PERFORM ghostwatch._write_contract_function(
        contract_id,
        function_schema,
        trigger_name,
        'SET lock_timeout = ''100ms''',
        ghostwatch._capture_body(contract_id),
        format(
            'Notes arrivals for the ghostwatch contract %L. To turn that off, declare it with capture => false.',
            captured.name
        )
    );

    FOR relation IN
        SELECT captured.subject
        UNION
        SELECT t.relid FROM pg_partition_tree(captured.subject) AS t
        EXCEPT
        SELECT t.tgrelid FROM pg_trigger AS t WHERE t.tgname = trigger_name
    LOOP
        -- The condition is always true. It makes the trigger depend on ghostwatch, so that
        -- removing ghostwatch removes it too and leaves no table that nobody can write.
        PERFORM ghostwatch._execute_locking(
            relation,
            'ShareRowExclusiveLock',
            format(
                'CREATE TRIGGER %1$I AFTER INSERT ON %2$s REFERENCING NEW TABLE AS newcomer '
                'FOR EACH STATEMENT WHEN (NULL::ghostwatch.contract IS NULL) EXECUTE FUNCTION %3$I.%1$I()',
                trigger_name, relation, function_schema
            )
        );
    END LOOP;
END
$_install_capture$;

COMMENT ON FUNCTION ghostwatch._install_capture(integer) IS
'Puts the trigger that notes arrivals on the table of the subjects and on each of its partitions that has none yet; its
function, which belongs to the contract''s owner, stands beside the table.
Raises GW017 (not a table), GW075 (a table stays locked), GW076 (a function of another role is in the way).';
