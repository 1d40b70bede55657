CREATE FUNCTION ghostwatch._delete_invariant(
    invariant_id integer,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_delete_invariant$
-- Waits for a check of it that is under way.
BEGIN
    PERFORM ghostwatch._require_own_invariant(invariant_id, credential);
    PERFORM FROM ghostwatch.check_progress AS p WHERE p.invariant_id = _delete_invariant.invariant_id FOR UPDATE;
    DELETE FROM ghostwatch.invariant AS i WHERE i.invariant_id = _delete_invariant.invariant_id;
END
$_delete_invariant$;

COMMENT ON FUNCTION ghostwatch._delete_invariant(integer, uuid) IS
'Deletes an invariant and what was found about it. Raises GW008 (belongs to another role).';
