CREATE FUNCTION ghostwatch.drop_branch_family(
    contract text,
    pattern text
)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $drop_branch_family$
-- Forgets one pattern; true if it was there. Raises GW001 and GW008.
DECLARE
    its_contract_id integer := ghostwatch._contract_id(contract);
    was_there boolean;
BEGIN
    PERFORM ghostwatch._require_contract_owner(its_contract_id);

    DELETE FROM ghostwatch.branch_family AS b
    WHERE b.contract_id = its_contract_id AND b.pattern = drop_branch_family.pattern;

    was_there := FOUND;

    -- The rule drift waits for evidence, which a family that no pattern leads to any more can never give.
    DELETE FROM ghostwatch.drift_detector AS a
    USING ghostwatch.invariant AS i
    WHERE i.contract_id = its_contract_id
        AND a.invariant_id = i.invariant_id
        AND a.detector = 'branch'
        AND a.branch_family NOT IN ('none', 'other')
        AND NOT EXISTS (
            SELECT FROM ghostwatch.branch_family AS b
            WHERE b.contract_id = its_contract_id AND b.family = a.branch_family
        );

    RETURN was_there;
END
$drop_branch_family$;

COMMENT ON FUNCTION ghostwatch.drop_branch_family(text, text) IS
'Forgets one pattern of a contract''s branch families; true if it was declared.
Raises GW001 (no such contract), GW008 (belongs to another role).';
