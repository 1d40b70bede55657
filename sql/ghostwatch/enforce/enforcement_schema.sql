CREATE FUNCTION ghostwatch._enforcement_schema(
    contract_id integer
)
RETURNS name
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_enforcement_schema$
    -- Where the function that enforces a contract stands, wherever its table was moved since; NULL where nothing is enforced.
    SELECT n.nspname
    FROM pg_proc AS p
    INNER JOIN pg_namespace AS n
        ON n.oid = p.pronamespace
    INNER JOIN ghostwatch.contract AS c
        ON p.proowner = c.owner
    WHERE c.contract_id = _enforcement_schema.contract_id
        AND p.proname = ghostwatch._enforcement_name(c.contract_id)
        AND p.prorettype = 'trigger'::regtype
$_enforcement_schema$;

COMMENT ON FUNCTION ghostwatch._enforcement_schema(integer) IS
'The schema of the function that enforces a contract; NULL where nothing is enforced.';
