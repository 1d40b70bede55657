CREATE FUNCTION ghostwatch._contract_trigger_schema(
    contract_id integer,
    trigger_name name
)
RETURNS name
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_contract_trigger_schema$
    -- The table, and the function with it, may have been moved to another schema.
    SELECT n.nspname
    FROM pg_proc AS p
    INNER JOIN pg_namespace AS n
        ON n.oid = p.pronamespace
    INNER JOIN ghostwatch.contract AS c
        ON p.proowner = c.owner
    WHERE c.contract_id = _contract_trigger_schema.contract_id
        AND p.proname = _contract_trigger_schema.trigger_name
        AND p.prorettype = 'trigger'::regtype
$_contract_trigger_schema$;

COMMENT ON FUNCTION ghostwatch._contract_trigger_schema(integer, name) IS
'The schema of the function, of the same name, of a trigger that serves a contract; NULL where there is none.';
