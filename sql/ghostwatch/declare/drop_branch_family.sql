CREATE FUNCTION ghostwatch.drop_branch_family(
    contract text,
    pattern text,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $drop_branch_family$
DECLARE
    its_contract_id integer := ghostwatch._contract_id(contract);
BEGIN
    PERFORM ghostwatch._require_contract_owner(its_contract_id, role => ghostwatch._caller(credential));

    DELETE FROM ghostwatch.branch_family AS b
    WHERE b.contract_id = its_contract_id AND b.pattern = drop_branch_family.pattern;

    RETURN FOUND;
END
$drop_branch_family$;

COMMENT ON FUNCTION ghostwatch.drop_branch_family(text, text, uuid) IS
'Forgets one pattern of a contract''s branch families; true if it was declared.
Raises GW001 (no such contract), GW008 (belongs to another role).';
