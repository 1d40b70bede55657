CREATE FUNCTION ghostwatch._save_contract(
    saved ghostwatch.contract,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS ghostwatch.contract
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_save_contract$
-- Its expressions run with the rights of its owner only, so whoever calls this without having them checked harms nobody
-- else. What is enforced is not declared and stays as it is.
DECLARE
    its_owner constant regrole := ghostwatch._caller(credential);
    present ghostwatch.contract;
BEGIN
    PERFORM ghostwatch._require_contract_owner(c.contract_id, declaring => true, role => its_owner)
    FROM ghostwatch.contract AS c
    WHERE c.name = saved.name;

    INSERT INTO ghostwatch.contract AS c (
        name, owner, subject, key_column, unique_key, born_at_column, born_at_expression, branch_expression, exempt_predicate,
        exempt_branches,
        time_zone, lateness, capture, search_path, subject_label, description
    )
    VALUES (
        saved.name, its_owner, saved.subject, saved.key_column, saved.unique_key, saved.born_at_column, saved.born_at_expression,
        saved.branch_expression, saved.exempt_predicate, saved.exempt_branches, saved.time_zone, saved.lateness, saved.capture,
        saved.search_path, saved.subject_label, saved.description
    )
    ON CONFLICT ON CONSTRAINT contract_name_key DO UPDATE
    SET subject = excluded.subject,
        key_column = excluded.key_column,
        unique_key = excluded.unique_key,
        born_at_column = excluded.born_at_column,
        born_at_expression = excluded.born_at_expression,
        branch_expression = excluded.branch_expression,
        exempt_predicate = excluded.exempt_predicate,
        exempt_branches = excluded.exempt_branches,
        time_zone = excluded.time_zone,
        lateness = excluded.lateness,
        capture = excluded.capture,
        search_path = excluded.search_path,
        subject_label = excluded.subject_label,
        description = excluded.description
    -- Somebody else may have taken the name meanwhile.
    WHERE c.owner = excluded.owner
    RETURNING c.* INTO present;

    IF present.contract_id IS NULL THEN
        PERFORM ghostwatch._require_contract_owner(ghostwatch._contract_id(saved.name), declaring => true, role => its_owner);
    END IF;

    RETURN present;
END
$_save_contract$;

COMMENT ON FUNCTION ghostwatch._save_contract(ghostwatch.contract, uuid) IS
'Writes a contract of the calling role, as ghostwatch.declare_contract() found it valid; returns the row. Raises GW008 (belongs to another role).';
