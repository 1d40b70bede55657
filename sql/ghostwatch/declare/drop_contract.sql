CREATE FUNCTION ghostwatch.drop_contract(
    name text
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $drop_contract$
DECLARE
    its_contract_id integer := ghostwatch._contract_id(drop_contract.name);
    its_invariant text;
BEGIN
    PERFORM ghostwatch._require_contract_owner(its_contract_id);

    FOR its_invariant IN SELECT i.name FROM ghostwatch.invariant AS i WHERE i.contract_id = its_contract_id LOOP
        PERFORM ghostwatch.drop_invariant(drop_contract.name, its_invariant);
    END LOOP;

    -- Before the row is gone: it says who owns the functions of the triggers.
    PERFORM ghostwatch._remove_capture(its_contract_id);
    PERFORM ghostwatch._remove_contract_trigger(its_contract_id, ghostwatch._enforcement_name(its_contract_id));
    PERFORM ghostwatch._delete_contract(its_contract_id);
END
$drop_contract$;

COMMENT ON FUNCTION ghostwatch.drop_contract(text) IS
'Drops a contract with its invariants and what was found about them; its alerts are resolved and stay in the history.
Raises GW001 (no such contract), GW008 (belongs to another role).';
