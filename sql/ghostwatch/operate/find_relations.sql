CREATE FUNCTION ghostwatch._find_relations(
    invariant_id integer
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_find_relations$
-- A downgrade and upgrade of an application's schema drops its tables and creates them anew. Whoever watches them
-- should not have to declare everything again.
DECLARE
    its_contract ghostwatch.contract;
    its_invariant ghostwatch.invariant;
    found_subject regclass;
    found_related regclass;
    moved ghostwatch.contract;
BEGIN
    SELECT i.* INTO its_invariant FROM ghostwatch.invariant AS i WHERE i.invariant_id = _find_relations.invariant_id;
    SELECT c.* INTO its_contract FROM ghostwatch.contract AS c WHERE c.contract_id = its_invariant.contract_id;

    -- The same where nothing has happened, which is nearly always.
    IF its_contract.subject::text = its_contract.subject_name AND its_invariant.related::text = its_invariant.related_name THEN
        RETURN;
    END IF;

    -- A table under another name is the same one, whose name is kept anew; NULL is one that nothing took the place of.
    found_subject := coalesce(
        (SELECT r.oid FROM pg_class AS r WHERE r.oid = its_contract.subject),
        ghostwatch._successor(its_contract.owner, its_contract.subject_name)
    );
    found_related := coalesce(
        (SELECT r.oid FROM pg_class AS r WHERE r.oid = its_invariant.related),
        ghostwatch._successor(its_contract.owner, its_invariant.related_name)
    );
    IF found_subject <> its_contract.subject OR found_subject::text <> its_contract.subject_name THEN
        moved := ghostwatch._set_subject(its_contract.contract_id, found_subject);
        PERFORM ghostwatch._enforcement_follows_contract(its_contract, moved);
    END IF;
    IF found_related <> its_invariant.related OR found_related::text <> its_invariant.related_name THEN
        PERFORM ghostwatch._set_related(its_invariant.invariant_id, found_related);
        PERFORM ghostwatch._enforcement_follows_invariant(its_contract.contract_id);
    END IF;

    IF found_subject <> its_contract.subject AND its_contract.capture THEN
        PERFORM ghostwatch._install_capture(its_contract.contract_id);
    END IF;
    -- What was found of a table that is gone says nothing of another.
    PERFORM ghostwatch._restart_checks(i.invariant_id)
    FROM ghostwatch.invariant AS i
    WHERE i.contract_id = its_contract.contract_id
        AND (
            found_subject <> its_contract.subject
            OR (i.invariant_id = its_invariant.invariant_id AND found_related <> its_invariant.related)
        );
END
$_find_relations$;

COMMENT ON FUNCTION ghostwatch._find_relations(integer) IS
'Finds the tables of an invariant again by name after they were dropped and created anew, and begins its checks anew; otherwise keeps the names up to date.';
