CREATE FUNCTION ghostwatch._set_subject(
    contract_id integer,
    subject regclass,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS ghostwatch.contract
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_set_subject$
-- A trigger keeps the name beside the number.
DECLARE
    changed ghostwatch.contract;
BEGIN
    PERFORM ghostwatch._require_contract_owner(contract_id, declaring => true, role => ghostwatch._caller(credential));

    UPDATE ghostwatch.contract AS c
    SET subject = _set_subject.subject
    WHERE c.contract_id = _set_subject.contract_id
    RETURNING c.* INTO changed;

    RETURN changed;
END
$_set_subject$;

COMMENT ON FUNCTION ghostwatch._set_subject(integer, regclass, uuid) IS
'Records where the subjects of a contract are, and what their table is called; returns the changed row. Raises GW008 (belongs to another role).';
