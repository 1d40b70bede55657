CREATE FUNCTION ghostwatch.declare_branch_family(
    contract text,
    pattern text,
    family text,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $declare_branch_family$
-- Idempotent.
DECLARE
    its_contract_id integer := ghostwatch._contract_id(contract);
BEGIN
    PERFORM ghostwatch._require_contract_owner(its_contract_id, role => ghostwatch._caller(credential));

    IF (pattern ~ '^([^\\]|\\.)+$') IS NOT TRUE OR coalesce(family, '') = '' THEN
        RAISE EXCEPTION 'a branch family of contract % needs a pattern and a name', quote_literal(contract)
            USING ERRCODE = 'GW016',
                  DETAIL = format('The pattern is %L, the name %L. A backslash in a pattern stands before the character that it quotes.', pattern, family),
                  HINT = format('SELECT ghostwatch.declare_branch_family(%L, %L, %L)', contract, 'giveaway\_%', 'giveaway_*');
    END IF;

    INSERT INTO ghostwatch.branch_family AS b (contract_id, pattern, family)
    VALUES (its_contract_id, declare_branch_family.pattern, declare_branch_family.family)
    ON CONFLICT ON CONSTRAINT branch_family_pkey DO UPDATE SET family = excluded.family;
END
$declare_branch_family$;

COMMENT ON FUNCTION ghostwatch.declare_branch_family(text, text, text, uuid) IS
'Groups the branches of a contract that match a LIKE pattern under one name; the longest matching pattern wins.
Subjects without a branch are in the family none, those that match no pattern in other.
Raises GW001 (no such contract), GW008 (belongs to another role), GW016 (no pattern or no name).';
