CREATE FUNCTION ghostwatch._contract_id(
    contract text
)
RETURNS integer
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
-- A definer: names are unique over all roles, and no secret.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_contract_id$
-- The message names the contracts that exist.
DECLARE
    found_id integer := (SELECT c.contract_id FROM ghostwatch.contract AS c WHERE c.name = contract);
    names text;
BEGIN
    IF found_id IS NULL THEN
        SELECT string_agg(quote_literal(c.name), ', ' ORDER BY c.name) INTO names FROM ghostwatch.contract AS c;

        RAISE EXCEPTION 'there is no contract %', coalesce(quote_literal(contract), 'NULL')
            USING ERRCODE = 'GW001',
                  DETAIL = coalesce('Declared contracts: ' || names || '.', 'No contract is declared in this database.'),
                  HINT = format('SELECT ghostwatch.declare_contract(%L, ''your_table'')', coalesce(contract, 'name'));
    END IF;

    RETURN found_id;
END
$_contract_id$;

COMMENT ON FUNCTION ghostwatch._contract_id(text) IS
'The id of a contract that must exist. Raises GW001 (no such contract).';
