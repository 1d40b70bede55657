CREATE FUNCTION ghostwatch.remove_idle_triggers()
RETURNS SETOF regclass
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $remove_idle_triggers$
-- Turning enforcement off leaves triggers that do nothing, since dropping them excludes everybody from the table for
-- a moment. When that moment comes is for whoever runs the database to decide.
DECLARE
    idle ghostwatch.contract;
BEGIN
    FOR idle IN
        SELECT c.*
        FROM ghostwatch.contract AS c
        WHERE c.enforcement = 'observe'
            AND pg_has_role(c.owner, 'USAGE')
            AND ghostwatch._contract_trigger_schema(c.contract_id, ghostwatch._enforcement_name(c.contract_id)) IS NOT NULL
        ORDER BY c.contract_id
    LOOP
        PERFORM ghostwatch._remove_contract_trigger(idle.contract_id, ghostwatch._enforcement_name(idle.contract_id));
        RETURN NEXT idle.subject;
    END LOOP;
END
$remove_idle_triggers$;

COMMENT ON FUNCTION ghostwatch.remove_idle_triggers() IS
'Removes the triggers that enforcement left when it was turned off, from the tables of this role''s contracts; returns those tables.
Raises GW075 (a table stays locked).';
