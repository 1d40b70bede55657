CREATE FUNCTION ghostwatch._invariant_id(
    contract text,
    invariant text
)
RETURNS integer
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
-- A definer: names are unique over all roles, and no secret.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_invariant_id$
-- The message names the invariants that exist.
DECLARE
    its_contract_id integer := ghostwatch._contract_id(contract);
    found_id integer;
    names text;
BEGIN
    SELECT i.invariant_id
    INTO found_id
    FROM ghostwatch.invariant AS i
    WHERE i.contract_id = its_contract_id AND i.name = invariant;

    IF found_id IS NULL THEN
        SELECT string_agg(quote_literal(i.name), ', ' ORDER BY i.name)
        INTO names
        FROM ghostwatch.invariant AS i
        WHERE i.contract_id = its_contract_id;

        RAISE EXCEPTION 'contract % has no invariant %', quote_literal(contract), coalesce(quote_literal(invariant), 'NULL')
            USING ERRCODE = 'GW007',
                  DETAIL = coalesce('Its invariants: ' || names || '.', 'It has no invariant yet.'),
                  HINT = format('SELECT ghostwatch.declare_invariant(%L, %L, ''related_table'', ''subject_id'')', contract, coalesce(invariant, 'name'));
    END IF;

    RETURN found_id;
END
$_invariant_id$;

COMMENT ON FUNCTION ghostwatch._invariant_id(text, text) IS
'The id of an invariant that must exist. Raises GW001 (no such contract), GW007 (no such invariant).';
