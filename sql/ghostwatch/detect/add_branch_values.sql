CREATE FUNCTION ghostwatch._add_branch_values(
    contract_id integer,
    fresh text[],
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS text[]
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_add_branch_values$
-- Where two checks of a contract add some at once, there may be a few more than 30.
BEGIN
    PERFORM ghostwatch._require_contract_owner(contract_id, declaring => true, role => ghostwatch._caller(credential));

    INSERT INTO ghostwatch.branch_value (contract_id, branch)
    SELECT _add_branch_values.contract_id, f.branch
    FROM unnest(fresh) WITH ORDINALITY AS f (branch, place)
    ORDER BY f.place
    LIMIT greatest(30 - (SELECT count(*) FROM ghostwatch.branch_value AS b WHERE b.contract_id = _add_branch_values.contract_id), 0)
    ON CONFLICT DO NOTHING;

    RETURN ARRAY(SELECT b.branch FROM ghostwatch.branch_value AS b WHERE b.contract_id = _add_branch_values.contract_id);
END
$_add_branch_values$;

COMMENT ON FUNCTION ghostwatch._add_branch_values(integer, text[], uuid) IS
'Adds branches that have a family of their own, up to 30, and returns all of them. Raises GW008 (belongs to another role).';
