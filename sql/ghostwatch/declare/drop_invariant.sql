CREATE FUNCTION ghostwatch.drop_invariant(
    contract text,
    invariant text
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $drop_invariant$
-- Drops an invariant and what was found about it; waits for a check of it that is under way.
DECLARE
    its_invariant_id integer := ghostwatch._invariant_id(contract, invariant);
BEGIN
    PERFORM ghostwatch._delete_invariant(its_invariant_id);
    PERFORM ghostwatch._enforcement_follows_invariant(ghostwatch._contract_id(contract));
END
$drop_invariant$;

COMMENT ON FUNCTION ghostwatch.drop_invariant(text, text) IS
'Drops an invariant and what was found about it; its alerts are resolved and stay in the history.
Raises GW001 (no such contract), GW007 (no such invariant), GW008 (belongs to another role).';
