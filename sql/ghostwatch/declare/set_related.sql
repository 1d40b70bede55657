CREATE FUNCTION ghostwatch._set_related(
    invariant_id integer,
    related regclass,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_set_related$
-- A trigger keeps the name beside the number.
BEGIN
    PERFORM ghostwatch._require_own_invariant(invariant_id, credential);

    UPDATE ghostwatch.invariant AS i
    SET related = _set_related.related
    WHERE i.invariant_id = _set_related.invariant_id;
END
$_set_related$;

COMMENT ON FUNCTION ghostwatch._set_related(integer, regclass, uuid) IS
'Records where the related rows of an invariant are, and what their table is called. Raises GW008 (belongs to another role).';
